from dataclasses import replace

import numpy as np
import pytest

from wildact.masks import encode_mask
from wildact.track import TrackerSettings, track_detections
from wildact.track.tracker import _beginning, suppress_duplicates
from wildact.track.tracklets import Tracklet, merge_tracklets
from wildact.types import Detections

NAMES = ("deer", "boar")


def box(x, y=100.0, size=60.0):
    return [x - size / 2, y - size / 2, x + size / 2, y + size / 2]


def found(boxes, labels=None, scores=None):
    n = len(boxes)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores if scores is not None else [0.9] * n, np.float32),
        labels=np.array(labels if labels is not None else [0] * n, np.int64),
    )


def tracklet(frames, boxes, *, score=0.9):
    n = len(boxes)
    return Tracklet(
        frames=np.array(frames, np.int64),
        boxes=np.array(boxes, np.float32),
        scores=np.full(n, score, np.float32),
        labels=np.zeros(n, np.int64),
        masks=(None,) * n,
    )


def run(per_frame, *, fps=10.0, every=1, **settings):
    """Track detections made on every ``every``-th frame of a video at ``fps * every``."""
    frames = np.arange(len(per_frame)) * every
    times_s = np.arange((len(per_frame) - 1) * every + 1) / (fps * every)
    return track_detections(frames, per_frame, times_s, NAMES, TrackerSettings(**settings))


def test_one_walking_animal_is_one_track():
    (track,) = run([found([box(50 + 8 * t)]) for t in range(30)])
    assert (track.track_id, track.label, track.label_score) == (1, "deer", 1.0)
    assert track.frames.tolist() == list(range(30))
    assert track.observed.all()
    assert np.allclose(track.boxes[10], box(130))


def test_crossing_animals_keep_their_numbers():
    steps = range(40)
    per_frame = [found([box(40 + 12 * t, 100, 60), box(520 - 12 * t, 120, 90)], labels=[0, 1]) for t in steps]
    first, second = run(per_frame)
    assert {first.label, second.label} == {"deer", "boar"}
    for track in (first, second):
        assert len(track) == 40
        centre = track.boxes[:, [0, 2]].mean(axis=1)
        assert (np.diff(centre) > 0).all() or (np.diff(centre) < 0).all()


def test_detections_on_every_sixth_frame_fill_all_frames_between():
    (track,) = run([found([box(50 + 20 * t)]) for t in range(10)], fps=5, every=6)
    assert track.frames.tolist() == list(range(55))
    assert track.observed.sum() == 10
    assert np.allclose(track.boxes[3], box(60))
    assert np.isnan(track.scores[3])
    assert track.masks[3] is None


def test_a_gap_behind_a_tree_is_bridged_and_a_long_absence_is_not():
    walk = [found([box(50 + 8 * t)]) for t in range(50)]
    for t in range(20, 35):  # 1.5 s hidden
        walk[t] = Detections.empty(masks=False)
    (track,) = run(walk)
    assert track.frames.tolist() == [*range(20), *range(35, 50)]  # one animal, and no box where it is hidden
    assert track.observed.all()
    (track,) = run(walk, fill_s=2.0)
    assert len(track) == 50
    assert np.allclose(track.boxes[27], box(50 + 8 * 27), atol=1)
    stay = [found([box(100)]) if t < 20 or t > 75 else Detections.empty(masks=False) for t in range(95)]
    assert len(run(stay)) == 2


def test_a_box_that_holds_on_to_a_part_and_the_one_that_takes_over_are_one_animal():
    tracklets = [
        tracklet(range(21), [box(50 + 8 * t) if t < 18 else box(74 + 8 * t, 80, 20) for t in range(21)]),
        tracklet(range(18, 40), [box(50 + 8 * t) for t in range(18, 40)], score=0.99),
    ]
    (joined,) = merge_tracklets(tracklets, np.arange(40) / 10, 2.5)
    assert joined.frames.tolist() == list(range(40))
    assert np.allclose(joined.boxes[19], box(50 + 8 * 19))  # of two on one frame the surer one
    within = [tracklets[0], tracklet(range(5, 15), [box(60 + 8 * t) for t in range(5, 15)])]
    assert len(merge_tracklets(within, np.arange(40) / 10, 2.5)) == 2  # beside it all the time: another one
    away = [tracklets[0], tracklet(range(18, 40), [box(400) for _ in range(22)])]
    assert len(merge_tracklets(away, np.arange(40) / 10, 2.5)) == 2


def test_the_species_is_what_most_of_the_score_says():
    labels = [[1] if t % 4 == 0 else [0] for t in range(20)]
    (track,) = run([found([box(100 + t)], labels=labels[t]) for t in range(20)])
    assert track.label == "deer"
    assert track.label_score == pytest.approx(0.75)


def test_two_boxes_on_one_animal_are_one():
    two = found([box(100), box(102), box(300)], labels=[0, 1, 0], scores=[0.6, 0.8, 0.7])
    kept = suppress_duplicates(two, TrackerSettings())
    assert kept.labels.tolist() == [1, 0]
    assert kept.scores.tolist() == pytest.approx([0.8, 0.7])


def test_brief_and_weak_detections_are_no_animals():
    rng = np.random.default_rng(0)
    noise = [found([box(*rng.uniform(50, 500, 2))], scores=[0.7]) for _ in range(2)]
    assert run([Detections.empty(masks=False)] * 8 + noise + [Detections.empty(masks=False)] * 8) == ()
    assert run([found([box(100)], scores=[0.3]) for _ in range(20)]) == ()


def test_nothing_found_and_a_single_frame():
    assert run([Detections.empty(masks=False)] * 5) == ()
    (track,) = run([found([box(100)])])
    assert track.frames.tolist() == [0]


def test_a_part_of_an_animal_is_no_other_animal_but_one_in_front_of_it_is():
    bitmap = np.zeros((200, 300), bool)
    bitmap[50:150, 100:200] = True
    part, front = np.zeros_like(bitmap), np.zeros_like(bitmap)
    part[50:150, 100:140] = True
    front[120:150, 150:180] = True
    bitmap[120:150, 150:180] = False
    seen = Detections(
        boxes=np.array([[100, 50, 200, 150], [100, 50, 140, 150], [150, 120, 180, 150]], np.float32),
        scores=np.array([0.9, 0.8, 0.7], np.float32),
        labels=np.zeros(3, np.int64),
        masks=tuple(encode_mask(m) for m in (bitmap, part, front)),
    )
    assert suppress_duplicates(seen, TrackerSettings()).scores.tolist() == pytest.approx([0.9, 0.7])


def rectangles(*corners):
    """Masks of (x1, y1, x2, y2), each the rectangle."""
    masks = []
    for x1, y1, x2, y2 in corners:
        mask = np.zeros((200, 400), bool)
        mask[y1:y2, x1:x2] = True
        masks.append(encode_mask(mask))
    return tuple(masks)


BIG, SMALL = [100, 40, 220, 160], [170, 60, 240, 130]
"""A near animal, and one behind it whose mask spills over: most of it lies on the near one's."""


def test_a_followed_animal_behind_another_is_no_duplicate():
    seen = replace(found([BIG, SMALL], scores=[0.99, 0.9]), masks=rectangles(BIG, SMALL))
    settings = TrackerSettings()
    near, hidden, far = (np.array(b, np.float32) for b in (BIG, [172, 62, 242, 132], [300, 60, 370, 130]))
    assert len(suppress_duplicates(seen, settings)) == 1  # nobody has seen two animals
    assert len(suppress_duplicates(seen, settings, [near])) == 1
    assert len(suppress_duplicates(seen, settings, [near, far])) == 1
    assert suppress_duplicates(seen, settings, [near, hidden]).scores.tolist() == pytest.approx([0.99, 0.9])


def test_a_part_of_a_followed_animal_stays_a_duplicate():
    """The whole animal is seen more surely, and lies on the same track."""
    part = [102, 42, 218, 140]
    seen = replace(found([BIG, part], scores=[0.99, 0.9]), masks=rectangles(BIG, part))
    settings = TrackerSettings(duplicate_iou=0.95)
    assert len(suppress_duplicates(seen, settings, [np.array(BIG, np.float32)])) == 1


def test_an_animal_that_walks_behind_another_is_followed_all_the_way():
    def moment(t):
        x = 60 + 6 * t
        boxes = [[160, 40, 280, 160], [x, 60, x + 70, 130]]
        return replace(found(boxes, scores=[0.99, 0.9]), masks=rectangles(*boxes))

    tracks = run([moment(t) for t in range(40)])
    assert [len(track) for track in tracks] == [40, 40]
    walking = min(tracks, key=lambda track: track.boxes[0, 0])
    assert np.allclose(walking.boxes[:, 0], 60 + 6 * np.arange(40))


def test_an_animal_of_single_frames_is_none():
    scores = [[0.95 if t % 4 == 0 else 0.4] for t in range(40)]
    weak = [found([box(50 + 8 * t)], scores=s) for t, s in enumerate(scores)]
    assert run(weak) == ()
    assert len(run(weak, high_score=0.3)) == 0
    strong = [found([box(50 + 8 * t)], scores=[0.95 if t % 4 else 0.4]) for t in range(40)]
    assert len(run(strong)) == 1


def test_numbers_follow_the_first_frame():
    per_frame = [found([box(400)] + ([box(100)] if t >= 10 else [])) for t in range(30)]
    first, second = run(per_frame)
    assert first.frames[0] == 0
    assert second.frames[0] == 10
    assert (first.track_id, second.track_id) == (1, 2)


def test_no_detection_belongs_to_two_tracks():
    """Two animals that stand still and begin together, overlapping: each detection is used once."""
    per_frame = [found([box(100), box(135)]) for _ in range(12)]
    tracks = run(per_frame)
    assert len(tracks) == 2
    assert sum(int(track.observed.sum()) for track in tracks) == 24


def test_no_two_tracks_begin_with_the_same_detection():
    earlier, loose = found([box(100), box(150)]), [0, 1]
    begin = [_beginning(3, np.array(box(x), np.float32), earlier, loose) for x in (105, 110, 115)]
    assert begin == [[(2, 0)], [(2, 1)], []]  # all three overlap most with the first one


def test_many_pieces_are_joined_into_one_walk():
    """An animal that shows for half a second in every second."""
    walk = [found([box(50 + 4 * t)]) if t % 10 < 5 else Detections.empty(masks=False) for t in range(60)]
    assert len(run(walk, lost_s=0.2)) == 1


def test_an_animal_that_is_half_hidden_for_long_is_still_one():
    walk = [found([box(50 + 2 * t)], scores=[0.95 if t < 40 else 0.3]) for t in range(110)]
    assert len(run(walk)) == 1


def test_a_detector_that_looks_seldom_still_follows():
    still = [found([box(100)]) for _ in range(12)]
    (track,) = run(still, fps=0.2)
    assert track.observed.sum() == 12


def test_scores_below_the_usual_ones_count_where_they_are_asked_for():
    weak = [found([box(50 + 8 * t)], scores=[0.08]) for t in range(20)]
    frames = np.arange(20)
    assert len(track_detections(frames, weak, frames / 10, NAMES, min_score=0.05)) == 1
    assert track_detections(frames, weak, frames / 10, NAMES, min_score=0.5) == ()


def test_a_running_animal_that_shows_again_two_sizes_away_is_the_same_one():
    run_on = [found([box(40 + 25 * t)]) if t < 8 else Detections.empty(masks=False) for t in range(11)]
    run_on += [found([box(430 + 12 * t, size=30)]) for t in range(8)]  # and at first only its head
    (track,) = run(run_on)
    assert track.frames.tolist() == [*range(19)]
