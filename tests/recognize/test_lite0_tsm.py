import torch

from wildact.recognize import build_recognizer
from wildact.recognize.lite0_tsm import shift_through_time


def test_a_shift_shows_each_frame_its_neighbours_and_leaves_clips_apart():
    x = torch.arange(2 * 3 * 16, dtype=torch.float32).view(6, 16, 1, 1) + 1  # two clips of three frames
    y = shift_through_time(x, 3)
    for clip in (0, 3):
        assert torch.equal(y[clip : clip + 2, :2], x[clip + 1 : clip + 3, :2])
        assert (y[clip + 2, :2] == 0).all()
        assert torch.equal(y[clip + 1 : clip + 3, 2:4], x[clip : clip + 2, 2:4])
        assert (y[clip, 2:4] == 0).all()
    assert torch.equal(y[:, 4:], x[:, 4:])


def test_logits_depend_on_the_order_of_frames_and_on_no_other_clip():
    torch.manual_seed(0)
    model = build_recognizer("lite0_tsm", 6, width=16).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:  # torch's own initial weights let the signal fade away
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    clips = torch.randn(2, 3, 8, 32, 32)
    with torch.no_grad():
        both = model(clips)
        assert both.shape == (2, 6)
        assert torch.allclose(model(clips[1:]), both[1:], rtol=1e-3, atol=1e-3)
        assert (model(clips.flip(2)) - both).abs().max() > 0.1 * both.std()


def test_frozen_stages_get_no_gradient_and_shifted_ones_do():
    model = build_recognizer("lite0_tsm", 3, width=16)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(("body.conv_stem", "body.stages.0", "body.stages.1")))
    model(torch.rand(1, 3, 4, 32, 32)).sum().backward()
    gradients = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert not any(
        name.startswith(("body.conv_stem", "body.stages.0", "body.stages.1")) for name in gradients
    )
    assert {
        "fc.weight",
        "body.stages.2.1.expand_conv.weight",
        "body.stages.4.0.project_conv.weight",
    } <= gradients
