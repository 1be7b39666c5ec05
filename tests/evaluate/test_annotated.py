"""Action networks on annotated tracks, with a network that knows dark from bright."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from wildact.decode import VideoWriter
from wildact.errors import DatasetError
from wildact.evaluate.annotated import best_classes, plan_views, run_annotated
from wildact.labels import ActionLabel, LabelledVideo
from wildact.recognize import Recognizer
from wildact.types import Track, VideoInfo
from wildact.weights import WeightCard

DARK, BRIGHT = 40, 200


class DarkOrBright(nn.Module):
    """Logits 0 and -4 for dark clips, 0 and 1.2 for bright ones, as many classes as asked for."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x):
        logits = torch.full((len(x), self.classes), -50.0)
        logits[:, 0] = 0
        logits[:, 1] = torch.where(x.mean(dim=(1, 2, 3, 4)) > 0, 1.2, -4.0)
        return logits


def build(classes=("dark", "bright"), context=1.25):
    wants = {"num_frames": 5, "rate": 5, "size": 16, "context": context, "mean": [0.5] * 3, "std": [0.25] * 3}
    card = WeightCard(
        name="x", kind="recognizer", file="x", licence="MIT", classes=classes, preprocessing=wants,
        architecture={}, trained_on="",
    )  # fmt: skip
    return Recognizer.from_model(DarkOrBright(len(classes)), card)


def animal(frames, *, size=40, crowd=False):
    n = len(frames)
    boxes = np.tile(np.array([20, 10, 20 + size, 10 + size], np.float32), (n, 1))
    return Track(1, "deer", 1.0, np.array(frames), boxes, np.ones(n, np.float32), (None,) * n, crowd=crowd)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Six seconds at 10 frames per second: dark for two, then bright."""
    path = tmp_path_factory.mktemp("film") / "a.avi"
    with VideoWriter(path, width=96, height=64, fps=Fraction(10), codec="mjpeg") as writer:
        for k in range(60):
            writer.write(np.full((64, 96, 3), DARK if k < 20 else BRIGHT, np.uint8))
    return path


def video(path, labels, track, frames=60):
    info = VideoInfo(path, 96, 64, Fraction(10), frames, Fraction(frames, 10), "mjpeg")
    return LabelledVideo(info, "s", "c", "day", (track,), tuple(labels))


def ask(labelled, recognizer, actions=("dark", "bright"), **changed):
    options = {"min_height_px": 24, "views": 1, "crops": 1} | changed
    return run_annotated(labelled, recognizer, actions, **options)


def test_each_bout_gets_one_answer(film):
    labels = [ActionLabel(1, "dark", 0, 20), ActionLabel(1, "bright", 20, 40), ActionLabel(1, "dark", 40, 60)]
    counts = ask(video(film, labels, animal(range(60))), build())
    assert counts.answers.tolist() == [[1, 1, 0], [0, 1, 0]]
    assert counts.top5 == 3  # of two classes


def test_probabilities_of_the_views_are_averaged_not_logits(film):
    # three clips: dark, bright, bright. Probabilities of 'bright': 0.02, 0.77, 0.77, on average 0.52;
    # the logits -4, 1.2, 1.2 would say dark
    labelled = video(film, [ActionLabel(1, "bright", 0, 60)], animal(range(60)))
    assert ask(labelled, build(), views=3).answers.tolist() == [[0, 0, 0], [0, 1, 0]]
    assert ask(labelled, build(), views=2).answers.tolist() == [[0, 0, 0], [1, 0, 0]]
    assert ask(labelled, build(), views=3, crops=3).answers.tolist() == [[0, 0, 0], [0, 1, 0]]


def test_actions_that_network_or_data_do_not_know(film):
    labels = [ActionLabel(1, "dark", 0, 20), ActionLabel(1, "odd", 20, 40)]
    labelled = video(film, labels, animal(range(60)))
    classes = ("dark", "light", "a", "b", "c", "d")
    counts = ask(labelled, build(classes), ("dark", "odd"))
    assert counts.answers.tolist() == [[1, 0, 0], [0, 0, 1]]  # 'light' is none of the data set's
    assert counts.top5 == 1
    assert best_classes(np.array([0.1, 0.3, 0.1, 0.2, 0.2, 0.1], np.float32), classes) == (
        "light", "b", "c", "dark", "a",
    )  # fmt: skip


@pytest.mark.parametrize(
    "track", [animal(range(60), size=20), animal(range(60), crowd=True), animal(range(30, 60))]
)
def test_bouts_that_nobody_can_see_do_not_count(film, track):
    counts = ask(video(film, [ActionLabel(1, "dark", 0, 20)], track), build())
    assert counts.answers.sum() == 0


def test_a_video_that_ends_before_its_annotations(film):
    labelled = video(film, [ActionLabel(1, "dark", 0, 80)], animal(range(80)), frames=80)
    with pytest.raises(DatasetError, match=r"a\.avi ends before frame"):
        ask(labelled, build(), views=2)


def plans(views, crops, end_s=4.0, context=1.25):
    recognizer = build(context=context)  # clips of one second
    times_s = np.arange(60) / 10
    return plan_views(animal(range(60)), times_s, 1.0, end_s, recognizer, views=views, crops=crops)


@pytest.mark.parametrize(
    ("views", "end_s", "starts"),
    [
        (1, 4.0, [2.0]),
        (2, 4.0, [1.0, 3.0]),
        (3, 4.0, [1.0, 2.0, 3.0]),
        (3, 2.0, [1.0]),  # as long as a clip
        (3, 1.6, [0.8]),  # shorter: one clip around its middle
    ],
)
def test_views_are_spread_over_the_bout(views, end_s, starts):
    assert [plan.start_s for plan in plans(views, 1, end_s)] == pytest.approx(starts)


def test_crops_lie_beside_each_other_and_hold_the_animal():
    left, centre, right = (plan.squares[0] for plan in plans(1, 3))
    (only,) = plans(1, 1)
    assert centre.tolist() == only.squares[0].tolist() == [40, 30, 50]
    # the animal is from x = 20 to 60, the square 50 wide: moved by 5, the animal touches its border
    assert left.tolist() == [35, 30, 50]
    assert right.tolist() == [45, 30, 50]
    assert all(plan.squares[0, 0] == 40 for plan in plans(1, 3, context=1.0))  # no room
