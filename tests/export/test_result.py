import json
from fractions import Fraction
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wildact.errors import DatasetError, OutputError
from wildact.export.result import DETECTION_SCHEMA, load_result, save_result
from wildact.masks import encode_mask
from wildact.types import ActionScores, Bout, Track, VideoInfo, VideoResult

text = st.text(st.characters(codec="utf-8"), max_size=8)
probability = st.floats(0, 1, width=32)
seconds = st.floats(0, 1e5)
fraction = st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=100_000)


def assert_same(a: object, b: object) -> None:
    """Equal to the last bit, dtypes of arrays included; nan equals nan."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, tuple):
        assert isinstance(b, tuple)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    elif not (a != a and b != b):
        assert a == b


@st.composite
def tracks(draw: st.DrawFn, track_id: int, frames: int) -> Track:
    kept = draw(st.lists(st.integers(0, frames - 1), min_size=1, max_size=5, unique=True).map(sorted))
    seed = np.random.default_rng(draw(st.integers(0, 1000)))
    n = len(kept)
    masks = [encode_mask(seed.random((6, 9)) < 0.4) if draw(st.booleans()) else None for _ in kept]
    scores = draw(st.lists(st.one_of(probability, st.just(float("nan"))), min_size=n, max_size=n))
    return Track(
        track_id=track_id,
        label=draw(text),
        label_score=draw(probability),
        frames=np.array(kept, np.int64),
        boxes=(seed.random((n, 4)) * 100).astype(np.float32),
        scores=np.array(scores, np.float32),
        masks=tuple(masks),
    )


@st.composite
def results(draw: st.DrawFn) -> VideoResult:
    steps = draw(st.lists(st.integers(1, 2000), min_size=1, max_size=12))
    pts = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
    ids = draw(st.lists(st.integers(1, 99), max_size=3, unique=True))
    classes = tuple(draw(st.lists(text, min_size=1, max_size=3, unique=True)))
    k = draw(st.integers(0, 3))
    info = VideoInfo(
        path=Path(PurePosixPath("a", draw(st.from_regex(r"[\w ]{1,5}", fullmatch=True)))),
        width=9,
        height=6,
        fps=draw(fraction),
        frames=draw(st.none() | st.just(len(pts))),
        duration=draw(st.none() | fraction),
        codec=draw(text),
        rotation=draw(st.sampled_from([0, 90, 180, 270])),
    )
    return VideoResult(
        info=info,
        light=draw(st.sampled_from(["day", "dusk", "ir"])),
        pts=pts,
        time_base=draw(fraction),
        tracks=tuple(draw(tracks(i, len(pts))) for i in ids),
        actions=tuple(
            ActionScores(
                i,
                classes,
                np.sort(np.random.default_rng(i).random(k)),
                np.sort(np.random.default_rng(i + 1).random(k)),
                np.random.default_rng(i + 2).random((k, len(classes))).astype(np.float32),
            )
            for i in ids
        ),
        bouts=tuple(
            Bout(i, draw(text), draw(seconds), draw(seconds), draw(probability | st.just(float("nan"))))
            for i in ids
        ),
        warnings=tuple(draw(st.lists(text, max_size=2))),
        detected=np.array(draw(st.lists(st.integers(0, 10**9), unique=True).map(sorted)), np.int64),
        timings_s=draw(st.dictionaries(text, seconds, max_size=2)),
        models=draw(
            st.dictionaries(text, st.dictionaries(text, st.none() | text | st.integers()), max_size=2)
        ),
    )


@settings(deadline=None, max_examples=60)
@given(results())
def test_round_trip_keeps_every_bit(result: VideoResult) -> None:
    with TemporaryDirectory() as folder:
        save_result(Path(folder, "new", "folder"), result)
        assert_same(load_result(Path(folder, "new", "folder")), result)


def test_files(tmp_path: Path, result: VideoResult) -> None:
    save_result(tmp_path, result)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["detections.parquet", "result.json"]
    document = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert (document["format"], document["version"]) == ("wildact-result", 1)
    assert document["pts"] == {"first": 0, "steps": [[1, 49]]}
    table = pq.read_table(tmp_path / "detections.parquet")
    assert table.schema.equals(DETECTION_SCHEMA)
    assert table.num_rows == 70
    assert table["score"].null_count == 2
    assert table["mask_counts"].null_count == 2 + 30


def test_exact_numbers_are_written_as_fractions(tmp_path: Path, make) -> None:
    _, make_result = make
    save_result(tmp_path, make_result(fps=Fraction(30000, 1001)))
    document = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert document["info"]["fps"] == "30000/1001"
    assert document["time_base"] == "1001/30000"


def test_saving_again_replaces(tmp_path: Path, result: VideoResult, make) -> None:
    _, make_result = make
    save_result(tmp_path, result)
    save_result(tmp_path, make_result())
    assert load_result(tmp_path).status == "blank"


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"result\.json cannot be read"):
        load_result(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"version": 1', '"version": 2', "version 2"),
        ('"light"', '"lihgt"', "no 'light'"),
        ('"fps": "25"', '"fps": "fast"', "damaged"),
        ('"time_base": "1/25"', '"time_base": "1/0"', "damaged"),
        ('"frames": 40', '"frames": 41', "do not add up"),
        ("{", "[", "damaged"),
        ('"detections_sha256": "', '"detections_sha256": "0', "another run"),
    ],
)
def test_damaged_json(tmp_path: Path, result: VideoResult, old: str, new: str, message: str) -> None:
    save_result(tmp_path, result)
    path = tmp_path / "result.json"
    content = path.read_text("utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), "utf-8")
    with pytest.raises(DatasetError, match=message):
        load_result(tmp_path)


def test_damaged_parquet(tmp_path: Path, result: VideoResult) -> None:
    save_result(tmp_path, result)
    path = tmp_path / "detections.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="damaged or of another run"):
        load_result(tmp_path)


def test_track_beyond_the_video_is_refused(tmp_path: Path, make) -> None:
    make_track, make_result = make
    track = make_track(boxes=np.array([[1, 1, 5, 5]]), first=50)
    with pytest.raises(ValueError, match="track 1 reaches beyond"):
        save_result(tmp_path, make_result((track,)))
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file(tmp_path: Path, result: VideoResult) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_result(tmp_path / "taken", result)
