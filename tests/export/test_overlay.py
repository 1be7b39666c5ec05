from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.export.conftest import make_track
from wildact.boxes import box_iou
from wildact.export import annotate_frames, choose_thumbnail_frame, save_thumbnail
from wildact.export.colors import track_color
from wildact.export.overlay import draw_tag
from wildact.types import Frame

GREY = 100


def draw(result):
    frames = [
        Frame(i, Fraction(i, 10), np.full((120, 160, 3), GREY, np.uint8)) for i in range(result.info.frames)
    ]
    drawn = list(annotate_frames(result, iter(frames)))
    assert all((frame.image == GREY).all() for frame in frames)  # the given frames stay as they were
    return [frame.image for frame in drawn]


def test_mask_is_tinted_in_the_track_s_colour_and_the_background_is_not_touched(result):
    image = draw(result)[2]
    inside = image[60, 10 + 4 + 15].astype(float)
    expected = 0.65 * GREY + 0.35 * np.array(track_color(1))
    assert np.abs(inside - expected).max() <= 2
    assert (image[100:, :] == GREY).all()
    assert (image[60, 90:] == GREY).all()


def test_each_animal_shows_on_its_own_frames_only(result):
    images = draw(result)
    second = (slice(50, 70), slice(75, 90))
    assert (images[1][60, 110:] == GREY).all()
    assert (images[6][second] != GREY).any()
    assert (images[19][60, 110:] == GREY).all()


def test_between_two_detections_the_mask_moves_along_with_the_box(result):
    """Track 2 is seen on every third frame; on the frame between it has moved by 2 pixels."""
    images = draw(result)
    seen, between = images[7], images[8]
    tinted = [np.flatnonzero((image[60] != GREY).any(axis=1)) for image in (seen, between)]
    right = [row[row > 60].max() for row in tinted]
    assert right[1] - right[0] == 2


def test_nothing_is_drawn_on_a_blank_video(blank):
    assert all((image == GREY).all() for image in draw(blank))


def test_labels_stay_within_a_small_frame(result):
    """The tag is wider than the animal and would leave the frame at the right."""
    for image in draw(result):
        assert image.shape == (120, 160, 3)
    assert (draw(result)[15][20:40, 100:] != GREY).any()


def place_tags(boxes):
    """Tags of animals with these boxes, drawn in turn onto a frame of 640 x 360."""
    image = np.full((360, 640, 3), GREY, np.uint8)
    tags = []
    for number, box in enumerate(boxes, 1):
        boxes_px = np.array([box], np.float32)
        track = replace(make_track(number, "red deer", 0, length=1), boxes=boxes_px)
        tags.append(draw_tag(image, track, 0, "grazing", tags))
    return image, tags


def test_tags_of_animals_side_by_side_are_stacked_upwards_and_both_are_whole():
    image, (first, second) = place_tags([(100, 200, 160, 260), (120, 205, 180, 260)])
    assert second[3] <= first[1]
    assert first[1] - second[3] <= 2
    x1, y1, x2, y2 = first
    assert (image[y1:y2, x1:x2, :] == track_color(1)).all(axis=2).mean() > 0.5
    assert not (image[y1:y2, x1:x2, :] == track_color(2)).all(axis=2).any()


def test_where_there_is_no_room_above_tags_are_stacked_below():
    _, (first, second) = place_tags([(100, 2, 160, 60), (120, 5, 180, 60)])
    assert first[1] >= 60
    assert second[1] >= first[3]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-50, 600), st.integers(-20, 250), st.integers(1, 300), st.integers(1, 60)),
        max_size=4,
    )
)
def test_tags_lie_within_the_frame_and_hide_no_other(places):
    _, tags = place_tags([(x, y, x + w, y + h) for x, y, w, h in places])
    for x1, y1, x2, y2 in tags:
        assert 0 <= x1 < x2 <= 640
        assert 0 <= y1 < y2 <= 360
    rectangles = np.array(tags, np.float32).reshape(-1, 4)
    assert not np.triu(box_iou(rectangles, rectangles), 1).any()


def test_thumbnail_is_the_fullest_frame_and_small(result, blank, tmp_path):
    best = choose_thumbnail_frame(result)
    assert best in range(4, 16)
    assert not np.isnan(result.tracks[1].scores[best - 4])
    assert choose_thumbnail_frame(blank) == 10
    save_thumbnail(tmp_path / "t.jpg", np.zeros((1080, 1920, 3), np.uint8))
    with Image.open(tmp_path / "t.jpg") as picture:
        assert picture.size == (320, 180)
