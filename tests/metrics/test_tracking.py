import contextlib
import io
import sys
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from wildact.boxes import box_iou
from wildact.errors import UsageError
from wildact.metrics.tracking import (
    TrackMatch,
    compute_tracking_scores,
    count_tracking,
    match_tracks,
    pool_tracking,
)
from wildact.types import Track

pytest.importorskip("trackeval")

HERE, THERE = (0, 0, 40, 40), (100, 100, 140, 150)


def track(track_id: int, frames: range, box: tuple[float, float, float, float] = HERE) -> Track:
    n = len(frames)
    return Track(
        track_id=track_id,
        label="deer",
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=np.tile(np.array(box, np.float32), (n, 1)),
        scores=np.ones(n, np.float32),
        masks=(None,) * n,
    )


def test_perfect_is_1() -> None:
    tracks = [track(1, range(5)), track(2, range(2, 9), THERE)]
    renamed = [track(9, range(2, 9), THERE), track(4, range(5))]
    scores, total = compute_tracking_scores({"a": (tracks, renamed)})
    assert (total.hota, total.det_a, total.ass_a, total.idf1, total.mota) == pytest.approx((1, 1, 1, 1, 1))
    assert scores == {"a": total}
    assert (total.true_boxes, total.true_tracks, total.predicted_tracks) == (12, 2, 2)


def test_one_identity_switch() -> None:
    # One animal, 4 frames; the first track has frames 0-1, the second 2-3. Every box is right: DetA = 1.
    # Each of the 4 hits lies in a pair with 2 hits and 2 other true boxes: AssA = 2 / (2 + 2) = 1/2.
    # Only one of the two tracks can be the animal: IDTP 2, IDFN 2, IDFP 2. MOTA = 1 - 1 switch / 4 boxes.
    _, total = compute_tracking_scores(
        {"a": ([track(1, range(4))], [track(1, range(2)), track(2, range(2, 4))])}
    )
    assert total.det_a == pytest.approx(1)
    assert total.ass_a == pytest.approx(1 / 2)
    assert total.hota == pytest.approx(sqrt(1 / 2))
    assert total.idf1 == pytest.approx(1 / 2)
    assert total.mota == pytest.approx(3 / 4)
    assert total.id_switches == 1


def test_half_found_and_a_false_track() -> None:
    # 4 true boxes: 2 found, 2 missed; 3 false boxes. MOTA = 1 - (2 + 3) / 4; IDF1 = 2 / (2 + 3/2 + 2/2).
    predicted = [track(1, range(2)), track(2, range(3), THERE)]
    _, total = compute_tracking_scores({"a": ([track(1, range(4))], predicted)})
    assert (total.misses, total.false_positives) == (2, 3)
    assert total.mota == pytest.approx(-1 / 4)
    assert total.idf1 == pytest.approx(2 / 4.5)
    assert total.det_a == pytest.approx(2 / 7)


def test_nothing_found_is_0_and_no_truth_is_nan() -> None:
    videos = {"missed": ([track(1, range(4))], []), "false": ([], [track(1, range(4))]), "blank": ([], [])}
    scores, total = compute_tracking_scores(videos)  # type: ignore[arg-type]  # empty lists of tracks
    assert (scores["missed"].hota, scores["missed"].idf1, scores["missed"].mota) == (0, 0, 0)
    for name in ("false", "blank"):
        assert isnan(scores[name].hota)
        assert isnan(scores[name].idf1)
        assert isnan(scores[name].mota)
    assert scores["false"].false_positives == 4
    assert total.mota == pytest.approx(-1)
    assert isnan(compute_tracking_scores({})[1].hota)


def test_a_set_adds_up_boxes_not_shares() -> None:
    found = ([track(1, range(9))], [track(1, range(9))])
    missed = ([track(1, range(1))], [])
    _, total = compute_tracking_scores({"a": found, "b": missed})  # type: ignore[dict-item]  # an empty list
    assert total.mota == pytest.approx(9 / 10)


def test_low_animals_and_what_is_matched_to_them_do_not_count() -> None:
    low = (100, 0, 140, 19)
    truth = [track(1, range(4)), track(2, range(4), low)]
    for predicted in ([track(1, range(4))], [track(1, range(4)), track(2, range(4), low)]):
        _, total = compute_tracking_scores({"a": (truth, predicted)}, min_height_px=20)
        assert (total.hota, total.mota, total.idf1) == pytest.approx((1, 1, 1))
        assert (total.true_tracks, total.predicted_tracks) == (1, 1)
    _, total = compute_tracking_scores({"a": (truth, truth)})
    assert total.true_tracks == 2


def test_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    compute_tracking_scores({"a": ([track(1, range(3))], [track(1, range(3))])})
    assert capsys.readouterr() == ("", "")


def test_without_trackeval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackeval.metrics", None)
    with pytest.raises(UsageError, match="pip install"):
        compute_tracking_scores({})


def test_match_is_one_to_one_by_frames() -> None:
    # Greedy by animal 1 alone would give it track 7 (6 frames) and leave animal 2 with nothing.
    truth = [track(1, range(10)), track(2, range(20, 26))]
    both = Track(
        track_id=7,
        label="deer",
        label_score=1.0,
        frames=np.array([*range(6), *range(20, 26)]),
        boxes=np.tile(np.array(HERE, np.float32), (12, 1)),
        scores=np.ones(12, np.float32),
        masks=(None,) * 12,
    )
    matches = match_tracks(truth, [track(5, range(5, 10)), both])
    assert matches == [TrackMatch(1, 5, 5), TrackMatch(2, 7, 6)]


def test_match_needs_overlap_of_half() -> None:
    truth = [track(1, range(4))]
    assert match_tracks(truth, [track(1, range(4), (0, 0, 20, 40))]) == [TrackMatch(1, 1, 4)]
    assert match_tracks(truth, [track(1, range(4), (0, 0, 19, 40))]) == []
    assert match_tracks(truth, [track(1, range(4, 8))]) == []
    assert match_tracks(truth, []) == []
    assert match_tracks([], truth) == []


boxes = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(31, 60)] * 2)


@given(st.lists(boxes, min_size=1, max_size=4), st.lists(boxes, min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_matches_are_those_frames_that_overlap(
    true: list[tuple[int, ...]], found: list[tuple[int, ...]]
) -> None:
    truth = [track(i, range(3), box) for i, box in enumerate(true)]  # type: ignore[arg-type]  # four numbers
    predicted = [track(i, range(1, 5), box) for i, box in enumerate(found)]  # type: ignore[arg-type]
    overlap = box_iou(np.array(true, np.float32), np.array(found, np.float32)) >= 0.5
    matches = match_tracks(truth, predicted)
    assert all(overlap[m.truth_id, m.predicted_id] and m.frames == 2 for m in matches)
    assert len({m.truth_id for m in matches}) == len({m.predicted_id for m in matches}) == len(matches)
    assert bool(matches) == bool(overlap.any())


def random_tracks(rng: Generator) -> tuple[list[Track], list[Track]]:
    """Animals that walk; predicted tracks shake, miss frames, are cut in the middle, or follow nothing."""
    truth: list[Track] = []
    predicted: list[Track] = []
    for animal in range(rng.integers(1, 4)):
        frames = np.arange(rng.integers(0, 10), rng.integers(20, 40))
        size = rng.choice([15, 60]) * rng.uniform(0.8, 1.2)
        corner = rng.uniform(0, 150, 2) + frames[:, None] * rng.uniform(-2, 2, 2)
        boxes = np.concatenate([corner, corner + size], axis=1)
        truth.append(walk(animal + 1, frames, boxes))
        kept = frames[rng.random(len(frames)) < 0.8]
        shaken = boxes[kept - frames[0]] + rng.normal(0, size / 12, (len(kept), 4))
        change = rng.integers(0, len(kept))
        for part in (slice(0, change), slice(change, None)):
            if len(kept[part]):
                predicted.append(walk(len(predicted) + 1, kept[part], shaken[part]))
    for _ in range(rng.integers(0, 3)):
        corner = rng.uniform(0, 200, 2)
        box = np.concatenate([corner, corner + rng.uniform(10, 50, 2)])
        predicted.append(walk(len(predicted) + 1, np.arange(5, 15), np.tile(box, (10, 1))))
    return truth, predicted


def walk(track_id: int, frames: np.ndarray, boxes: np.ndarray) -> Track:
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    n = len(frames)
    return Track(track_id, "deer", 1.0, frames, boxes.astype(np.float32), np.ones(n, np.float32), (None,) * n)


def write_mot(path: Path, tracks: list[Track], *, min_height_px: float | None) -> None:
    """MOTChallenge's text; lower animals are of the class 8, its distractors (columns 7 and 8 of truth)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for one in tracks:
        for frame, (x1, y1, x2, y2) in zip(one.frames, one.boxes.astype(float), strict=True):
            kind = 1 if min_height_px is None or y2 - y1 >= min_height_px else 8
            size = f"{float(x2 - x1)!r},{float(y2 - y1)!r}"
            lines.append(f"{frame + 1},{one.track_id},{float(x1)!r},{float(y1)!r},{size},1,{kind},1")
    path.write_text("\n".join(lines))


def trackeval_on_files(folder: Path, names: list[str]) -> dict[str, Any]:
    """TrackEval's own evaluation of MOTChallenge files, all sequences together."""
    import trackeval

    quiet = {"PRINT_CONFIG": False}
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(folder / "gt"),
            "TRACKERS_FOLDER": str(folder / "trackers"),
            "TRACKERS_TO_EVAL": ["ours"],
            "SEQ_INFO": dict.fromkeys(names, 40),
            "SKIP_SPLIT_FOL": True,
            **quiet,
        }
    )
    off = ("PRINT_RESULTS", "TIME_PROGRESS", "OUTPUT_SUMMARY", "OUTPUT_DETAILED", "PLOT_CURVES")
    evaluator = trackeval.Evaluator({**dict.fromkeys(off, False), "LOG_ON_ERROR": None, **quiet})
    metrics = [
        trackeval.metrics.HOTA(),
        trackeval.metrics.CLEAR({"THRESHOLD": 0.5, **quiet}),
        trackeval.metrics.Identity({"THRESHOLD": 0.5, **quiet}),
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        results, _ = evaluator.evaluate([dataset], metrics)
    combined: dict[str, Any] = results["MotChallenge2DBox"]["ours"]["COMBINED_SEQ"]["pedestrian"]
    return combined


@pytest.mark.parametrize("seed", range(4))
def test_same_as_trackeval_from_files(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    videos = {f"v{k}": random_tracks(rng) for k in range(4)}
    for name, (truth, predicted) in videos.items():
        write_mot(tmp_path / "gt" / name / "gt" / "gt.txt", truth, min_height_px=20)
        write_mot(tmp_path / "trackers" / "ours" / "data" / f"{name}.txt", predicted, min_height_px=None)
    theirs = trackeval_on_files(tmp_path, list(videos))
    _, ours = compute_tracking_scores(videos, min_height_px=20)
    assert 0.1 < ours.hota < 0.95
    assert ours.hota == pytest.approx(theirs["HOTA"]["HOTA"].mean(), abs=1e-6)
    assert ours.det_a == pytest.approx(theirs["HOTA"]["DetA"].mean(), abs=1e-6)
    assert ours.ass_a == pytest.approx(theirs["HOTA"]["AssA"].mean(), abs=1e-6)
    assert ours.idf1 == pytest.approx(theirs["Identity"]["IDF1"], abs=1e-9)
    assert ours.mota == pytest.approx(theirs["CLEAR"]["MOTA"], abs=1e-9)
    assert (ours.id_switches, ours.false_positives, ours.misses) == (
        theirs["CLEAR"]["IDSW"], theirs["CLEAR"]["CLR_FP"], theirs["CLEAR"]["CLR_FN"],
    )  # fmt: skip


def test_a_weight_is_how_often_a_video_is_there() -> None:
    rng = np.random.default_rng(9)
    videos = [random_tracks(rng) for _ in range(3)]
    pooled = pool_tracking([count_tracking(*video) for video in videos], np.array([[2, 0, 3]]))
    repeated = {f"{k}-{n}": videos[k] for k, weight in ((0, 2), (2, 3)) for n in range(weight)}
    _, expected = compute_tracking_scores(repeated)
    for name, values in pooled.items():
        assert values[0] == pytest.approx(getattr(expected, name)), name


def test_a_herd_that_nobody_told_apart_is_neither_missed_nor_wrong_to_follow() -> None:
    herd = Track(
        9, "deer", 1.0, np.arange(4), np.tile(np.array([90, 90, 300, 300], np.float32), (4, 1)),
        np.ones(4, np.float32), (None,) * 4, crowd=True,
    )  # fmt: skip
    one, in_herd = track(1, range(4)), [track(k, range(4), (100 + 10 * k, 100, 140, 150)) for k in (2, 3)]
    _, total = compute_tracking_scores({"a": ([one, herd], [one, *in_herd])})
    assert (total.hota, total.mota, total.true_tracks) == (pytest.approx(1), 1, 1)
    # but an animal that stands before it is followed by one of them
    _, total = compute_tracking_scores(
        {"a": ([track(1, range(4), THERE), herd], [track(2, range(4), THERE)])}
    )
    assert total.hota == pytest.approx(1)
