import json

import numpy as np
import pytest

from wildact.errors import DatasetError
from wildact.export import load_result, save_result


def test_a_result_comes_back_as_it_was(result, blank, tmp_path):
    for i, saved in enumerate((result, blank)):
        save_result(tmp_path / str(i), saved)
        loaded = load_result(tmp_path / str(i))
        assert (loaded.info, loaded.light, loaded.bouts) == (saved.info, saved.light, saved.bouts)
        assert (loaded.time_base, loaded.warnings) == (saved.time_base, saved.warnings)
        assert loaded.pts.tolist() == saved.pts.tolist()
        assert (loaded.timings_s, loaded.models) == (saved.timings_s, saved.models)
        assert loaded.detected.tolist() == saved.detected.tolist()
        for scores, others in zip(loaded.actions, saved.actions, strict=True):
            assert (scores.track_id, scores.classes) == (others.track_id, others.classes)
            for name in ("start_s", "end_s", "scores"):
                assert np.array_equal(getattr(scores, name), getattr(others, name))
        for one, other in zip(loaded.tracks, saved.tracks, strict=True):
            assert (one.track_id, one.label, one.masks) == (other.track_id, other.label, other.masks)
            assert (one.label_score, one.frames.tolist()) == (other.label_score, other.frames.tolist())
            assert np.array_equal(one.boxes, other.boxes)
            assert np.array_equal(one.scores, other.scores, equal_nan=True)


def test_damage_is_noticed(result, tmp_path):
    save_result(tmp_path, result)
    parquet = tmp_path / "detections.parquet"
    content = bytearray(parquet.read_bytes())
    content[len(content) // 2] ^= 255
    parquet.write_bytes(content)
    with pytest.raises(DatasetError, match=r"detections\.parquet"):
        load_result(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"tracks": []}))
    with pytest.raises(DatasetError, match=r"result\.json"):
        load_result(tmp_path)
