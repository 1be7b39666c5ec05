import numpy as np
import pytest
import torch
from torchvision.models.detection.roi_heads import maskrcnn_inference

from tests.detect.test_predict import images, make_detector
from wildact.detect import predict_detections, stream_detections
from wildact.detect.mirror import mirror_boxes
from wildact.detect.predict import make_batch, prepare_images, to_detections
from wildact.errors import UsageError
from wildact.masks import decode_mask


def flipped(found, width):
    """Boxes and masks as they lie in the mirror image."""
    boxes = mirror_boxes(torch.from_numpy(found.boxes), width).numpy()
    return boxes, [decode_mask(mask)[:, ::-1] for mask in found.masks]


@pytest.mark.parametrize("size", [(64, 128), (180, 320), (50, 97)])  # the last one is padded
@pytest.mark.parametrize("refinements", [0, 1])
def test_a_frame_and_its_mirror_image_give_mirrored_answers(size, refinements):
    detector = make_detector(refinements=refinements)
    (picture,) = images(size)
    mirror_image = np.ascontiguousarray(picture[:, ::-1])
    (found,) = predict_detections(detector, [picture], mirrored=True)
    (other,) = predict_detections(detector, [mirror_image], mirrored=True)
    boxes, masks = flipped(other, size[1])
    assert len(found) > 2
    np.testing.assert_allclose(found.scores, other.scores, atol=1e-5)
    np.testing.assert_array_equal(found.labels, other.labels)
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-2)
    for ours, theirs in zip(found.masks, masks, strict=True):
        assert (decode_mask(ours) == theirs).mean() > 0.99
    (plain,) = predict_detections(detector, [picture])
    (plain_other,) = predict_detections(detector, [mirror_image])
    assert len(plain) != len(plain_other) or not np.allclose(plain.scores, plain_other.scores, atol=1e-5)


def test_frames_of_a_batch_do_not_change_each_other():
    detector = make_detector()
    pictures = images((64, 128), (50, 97))
    together = predict_detections(detector, pictures, mirrored=True)
    for picture, found in zip(pictures, together, strict=True):
        (alone,) = predict_detections(detector, [picture], mirrored=True)
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-4)


def test_both_views_count_by_half():
    """Equal to averaging by hand what torchvision's heads answer to the places found."""
    detector = make_detector(refinements=0)
    (picture,) = images((64, 128))
    (found,) = predict_detections(detector, [picture], mirrored=True)
    with torch.inference_mode():
        tensors, sizes = prepare_images(detector, [picture])
        heads, places, labels = detector.model.roi_heads, torch.from_numpy(found.boxes), found.labels + 1
        masks = []
        for mirrored in (False, True):
            batch = make_batch(detector, [tensors[0].flip(-1) if mirrored else tensors[0]])
            boxes = [mirror_boxes(places, 128) if mirrored else places]
            seen = heads.mask_roi_pool(detector.model.backbone(batch), boxes, sizes)
            logits = heads.mask_predictor(heads.mask_head(seen))
            (answer,) = maskrcnn_inference(logits, [torch.from_numpy(labels)])
            masks.append(answer.flip(-1) if mirrored else answer)
        output = {
            "boxes": places,
            "labels": torch.from_numpy(labels),
            "scores": torch.from_numpy(found.scores),
            "masks": (masks[0] + masks[1]) / 2,
        }
    expected = to_detections(output, sizes[0], (64, 128), detector.keep)
    for ours, theirs in zip(found.masks, expected.masks, strict=True):
        np.testing.assert_array_equal(decode_mask(ours), decode_mask(theirs))


def test_boxes_mirrored_twice_are_the_same():
    boxes = torch.tensor([[1.0, 2, 5, 9], [0, 0, 100, 7]])
    assert mirror_boxes(boxes, 100).tolist() == [[95, 2, 99, 9], [0, 0, 100, 7]]
    torch.testing.assert_close(mirror_boxes(mirror_boxes(boxes, 97), 97), boxes)


def test_a_stream_shows_single_frames_mirrored_and_refuses_those_that_help_each_other(
    single_detector, video_detector, moving_frames
):
    frames = moving_frames(3)
    expected = predict_detections(single_detector, [frame.image for frame in frames], mirrored=True)
    for (_, found), wanted in zip(
        stream_detections(single_detector, frames, mirrored=True), expected, strict=True
    ):
        np.testing.assert_allclose(found.scores, wanted.scores, atol=1e-4)
    with pytest.raises(UsageError, match=r"several frames at once.*take a detector of single frames"):
        next(stream_detections(video_detector, frames, mirrored=True))
