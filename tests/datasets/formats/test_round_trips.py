"""What is written in a format is read again; what is not is exactly what was announced."""

import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildact.datasets.bouts import join_bouts, kept_actions
from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.table import FORMATS, list_losses
from wildact.labels import ActionLabel, LabelledVideo
from wildact.masks import encode_mask, mask_to_box
from wildact.types import Track, VideoInfo

ROOT = Path("/data")
SUFFIX = {"cvat": "", "native": "", "mot": "", "mots": ""}
RATES = [
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(24000, 1001),
    Fraction(25, 2),
    Fraction(1, 3),
    Fraction(7919, 263),
]
NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters='/\\:*?"<>|.', include_characters=" "),
    min_size=1,
    max_size=6,
).filter(lambda name: name.isprintable() and name == name.strip() != "")


@st.composite
def tracks(draw, track_id, species, width, height, length):
    frames = sorted(draw(st.sets(st.integers(0, length - 1), min_size=1, max_size=length)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    has_masks = draw(st.sampled_from(["all", "some", "none"]))
    boxes, masks = [], []
    for _ in frames:
        if has_masks == "all" or (has_masks == "some" and rng.random() < 0.5):
            bitmap = rng.random((height, width)) < rng.choice([0.02, 0.5, 0.95])  # specks, noise, holes
            bitmap[rng.integers(height), rng.integers(width)] = True
            mask = encode_mask(bitmap)
            box = mask_to_box(mask)
            if rng.random() < 0.2:
                box = np.array([max(0, box[0] - 0.5), box[1], width, box[3]], np.float32)
        else:
            mask = None
            x = np.sort(rng.choice(width * 8 + 1, 2, replace=False)) / 8
            y = np.sort(rng.choice(height * 8 + 1, 2, replace=False)) / 8
            box = np.array([x[0], y[0], x[1], y[1]], np.float32)
        boxes.append(box)
        masks.append(mask)
    if draw(st.booleans()):  # stands still: keyframes are few
        boxes = [boxes[0] if mask is None else box for box, mask in zip(boxes, masks, strict=True)]
    occluded = rng.random(len(frames)) < 0.3
    scores = np.ones(len(frames), np.float32)
    if draw(st.booleans()):
        scores[rng.integers(len(frames))] = 0.25
    return Track(
        track_id=track_id,
        label=draw(st.sampled_from(species)),
        label_score=1.0,
        frames=np.array(frames, np.int64),
        boxes=np.stack(boxes).astype(np.float32),
        scores=scores,
        masks=tuple(masks),
        occluded=occluded if draw(st.booleans()) and occluded.any() else None,
        crowd=draw(st.booleans()),
    )


@st.composite
def videos(draw, name, species, actions):
    width, height = draw(st.integers(4, 24)), draw(st.integers(4, 18))
    length = draw(st.sampled_from([1, 2, 7, 12]))
    numbers = draw(st.lists(st.integers(1, 40), max_size=3, unique=True))
    found = tuple(draw(tracks(n, species, width, height, length)) for n in sorted(numbers))
    labels = []
    for track in found:
        for _ in range(draw(st.integers(0, 3)) if actions else 0):
            start = draw(st.integers(0, length - 1))
            end = draw(st.integers(start + 1, length))
            labels.append(ActionLabel(track.track_id, draw(st.sampled_from(actions)), start, end))
    fps = draw(st.sampled_from(RATES))
    info = VideoInfo(ROOT / "videos" / f"{name}.mp4", width, height, fps, length, length / fps, "unknown")
    return LabelledVideo(
        info=info,
        site=draw(st.sampled_from(["", "Hütte 7"])),
        camera=draw(st.sampled_from(["", "a,b"])),
        light=draw(st.sampled_from([None, "day", "ir"])),
        tracks=found,
        actions=tuple(dict.fromkeys(labels)),
        recorded=draw(st.sampled_from([None, "2024-05-01T23:59:59"])),
    )


@st.composite
def data_sets(draw):
    species = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    actions = draw(st.lists(NAMES, max_size=3, unique=True))
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    found = [draw(videos(name, species, actions)) for name in names]
    ordered = tuple(sorted(found, key=lambda video: str(video.info.path)))
    facts = draw(st.sampled_from([{}, {"description": "Hütte & Bach", "seed": 7, "split": {"by": "site"}}]))
    return Dataset(ROOT, tuple(species), tuple(actions), ordered, facts)


# -- what a format leaves of a data set, written down a second time -----------------------------------------


def reduced_track(track, holds):
    keep = [True] * len(track) if "boxes" in holds else [mask is not None for mask in track.masks]
    if not any(keep):
        return None
    boxes, masks = track.boxes[keep], [mask for mask, k in zip(track.masks, keep, strict=True) if k]
    if "masks" in holds and "boxes beside masks" not in holds:
        boxes = np.stack([box if m is None else mask_to_box(m) for box, m in zip(boxes, masks, strict=True)])
    return Track(
        track_id=track.track_id,
        label=track.label,
        label_score=1.0,
        frames=track.frames[keep],
        boxes=boxes,
        scores=np.ones(sum(keep), np.float32),
        masks=tuple(masks) if "masks" in holds else (None,) * sum(keep),
        occluded=track.occluded[keep] if "occluded" in holds and track.occluded is not None else None,
        crowd=track.crowd and "crowds" in holds,
    )


def reduced(dataset, holds):
    found = []
    for video in dataset.videos:
        info = replace(video.info, fps=video.info.fps if "fps" in holds else Fraction(0), duration=None)
        actions = video.actions if "actions" in holds else ()
        actions = actions if "simultaneous actions" in holds else kept_actions(actions)
        actions = actions if "adjacent bouts" in holds else join_bouts(actions)
        left = tuple(filter(None, (reduced_track(track, holds) for track in video.tracks)))
        found.append(
            LabelledVideo(
                info=info,
                site=video.site if "site" in holds else "",
                camera=video.camera if "camera" in holds else "",
                light=video.light if "light" in holds else None,
                tracks=left,
                actions=actions,
                recorded=video.recorded if "recorded" in holds else None,
            )
        )
    actions = dataset.actions if "unused actions" in holds else ()
    facts = dataset.facts if "facts" in holds else {}
    return replace(dataset, actions=actions, videos=tuple(found), facts=facts)


def pictures(dataset):
    """A data set as COCO has it: every frame a video, every box a track."""
    found = []
    for video in dataset.videos:
        for frame in range(video.info.frames):
            boxes = []
            for track in video.tracks:
                for k in np.flatnonzero(track.frames == frame):
                    boxes.append(replace(
                        track, track_id=len(boxes) + 1, frames=np.zeros(1, np.int64),
                        boxes=track.boxes[[k]], scores=track.scores[[k]], masks=(track.masks[k],),
                    ))  # fmt: skip
            info = replace(video.info, path=video.info.path / f"{frame:06d}.jpg", frames=1)
            found.append(replace(video, info=info, tracks=tuple(boxes)))
    return replace(dataset, videos=tuple(sorted(found, key=lambda video: str(video.info.path))))


def told(dataset):
    """A data set as values that can be compared."""
    return (
        dataset.species,
        dataset.actions,
        dataset.facts,
        [
            (
                video.info.path.relative_to(dataset.root),
                (video.info.width, video.info.height, video.info.fps, video.info.frames),
                (video.site, video.camera, video.light, video.recorded),
                [
                    (
                        (t.track_id, t.label, t.crowd, t.frames.tolist()),
                        t.boxes.tolist(),
                        t.scores.tolist(),
                        t.masks,
                        [] if t.occluded is None else np.flatnonzero(t.occluded).tolist(),
                    )
                    for t in video.tracks
                ],
                sorted((a.track_id, a.start_frame, a.end_frame, a.action) for a in video.actions),
            )
            for video in dataset.videos
        ],
    )


def through(dataset, format_):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"labels{SUFFIX.get(format_.name, '.json')}"
        format_.write(dataset, path)
        return format_.read(path, Facts()) if format_.takes_facts else format_.read(path)


@pytest.mark.parametrize(
    "name", ["native", "cvat", "coco", "coco-vid", "youtube-vis", "mot", "mots", "label-studio"]
)
@given(dataset=data_sets())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_a_format_holds_comes_back_and_all_else_was_announced(name, dataset):
    format_ = FORMATS[name]
    back = through(dataset, format_)
    wanted = reduced(dataset, format_.holds)
    if "frame order" not in format_.holds:
        wanted = pictures(wanted)
    assert told(back) == told(wanted)
    assert back.dropped == ()
    assert list_losses(back, format_) == []
    unchanged = told(wanted) == told(
        reduced(dataset, frozenset(FORMATS["native"].holds) | {"simultaneous actions", "overlapping bouts"})
    )
    has_scores = any((track.scores != 1).any() for video in dataset.videos for track in video.tracks)
    announced = list_losses(dataset, format_)
    assert (announced == []) == (unchanged and not has_scores)
