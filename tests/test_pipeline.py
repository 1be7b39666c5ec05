"""One video through all stages, with networks of random weights."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import wildact
from wildact.decode import VideoReader
from wildact.detect import WindowSettings
from wildact.errors import UsageError, VideoError
from wildact.export import load_result, save_result
from wildact.pipeline import AnalysisSettings, analyze, keep_at, load_models, write_outputs
from wildact.taxonomy import load_taxonomy
from wildact.track import TrackerSettings
from wildact.types import VideoResult
from wildact.weights import find_weights, load_weights, save_weights

NTSC = Fraction(30000, 1001)
NEVER = 0.9999999
"""No detection has this score."""


@pytest.fixture(scope="module")
def models(tiny_settings):
    return load_models(tiny_settings)


@pytest.fixture(scope="module")
def clip(film, tmp_path_factory):
    """Larger than what the detector works at, so that boxes in its pixels would be found out."""
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=2, fps=NTSC, size=(288, 192))


@pytest.fixture(scope="module")
def result(clip, tiny_settings, models):
    return analyze(clip, tiny_settings, models=models)


@pytest.fixture(scope="module")
def blank(clip, tiny_settings, models):
    return analyze(clip, replace(tiny_settings, min_score=NEVER), models=models)


def kept(fps, times):
    keep = keep_at(fps)
    return [index for index, time in enumerate(times) if keep(index, time)]


def test_detection_at_10_fps_takes_the_first_frame_at_or_after_each_tenth():
    times = [k / NTSC for k in range(300)]
    expected = [min(k for k, time in enumerate(times) if time >= Fraction(n, 10)) for n in range(100)]
    assert kept(Fraction(10), times) == expected


@pytest.mark.parametrize("fps", [None, Fraction(30), NTSC, Fraction(120)])
def test_no_frame_is_left_out_where_detection_is_as_fast_as_the_video(fps):
    assert kept(fps, [k / NTSC for k in range(300)]) == list(range(300))


def test_a_pause_of_the_camera_does_not_make_detection_catch_up():
    times = [Fraction(k, 30) for k in range(30)] + [10 + Fraction(k, 30) for k in range(30)]
    chosen = [times[k] for k in kept(Fraction(5), times)]
    assert len(chosen) == 10
    assert min(b - a for a, b in pairwise(chosen)) >= Fraction(1, 5)


def test_boxes_are_pixels_of_the_original_frame_and_masks_are_of_its_size(result):
    boxes = np.concatenate([track.boxes for track in result.tracks])
    assert boxes.min() >= 0
    assert 96 < boxes[:, [0, 2]].max() <= 288
    assert 64 < boxes[:, [1, 3]].max() <= 192
    masks = [mask for track in result.tracks for mask in track.masks if mask is not None]
    assert masks
    assert {(mask.height, mask.width) for mask in masks} == {(192, 288)}


def test_frames_between_detections_are_filled(result):
    times = [k / NTSC for k in range(60)]
    assert result.info.frames == len(result.pts) == 60
    assert result.info.fps == NTSC
    assert result.detected.tolist() == kept(Fraction(10), times)
    for track in result.tracks:
        steps = np.diff(result.times_s[track.frames])
        assert (np.isclose(steps, float(1 / NTSC)) | (steps > TrackerSettings().fill_s)).all()
        assert set(track.frames[track.observed].tolist()) <= set(result.detected.tolist())
    assert any(not track.observed.all() for track in result.tracks)


def test_each_long_track_has_actions_and_bouts_within_its_time(result, models):
    assert result.status == "ok"
    assert {track.label for track in result.tracks} == {"red deer"}
    spans = {t.track_id: (result.times_s[t.frames[0]], result.times_s[t.frames[-1]]) for t in result.tracks}
    assert {scores.track_id for scores in result.actions} == set(spans)
    for bout in result.bouts:
        start, end = spans[bout.track_id]
        assert start - 1e-9 <= bout.start_s < bout.end_s <= end + float(1 / NTSC) + 1e-9
        assert bout.action in models.recognizer.card.classes
    assert {bout.track_id for bout in result.bouts} == set(spans)


def test_a_result_says_what_made_it_and_where_the_time_went(result, models):
    assert result.models["detector"]["sha256"] == models.detector.card.sha256
    assert result.models["recognizer"]["licence"] == "Apache-2.0"
    assert set(result.timings_s) == {"decode", "detect", "track", "clip", "recognize"}
    assert min(result.timings_s.values()) >= 0


def test_the_same_video_gives_the_same_result(result, clip, tiny_settings, models):
    again = analyze(str(clip), tiny_settings, models=models)
    assert len(again.tracks) == len(result.tracks)
    for a, b in zip(again.tracks, result.tracks, strict=True):
        assert np.array_equal(a.boxes, b.boxes)
        assert a.masks == b.masks
    assert again.bouts == result.bouts


def test_a_blank_video_is_decoded_once_and_up_to_its_thumbnail(
    blank, tiny_settings, models, tmp_path, monkeypatch
):
    opened = []

    class Reader(VideoReader):
        def __init__(self, path):
            opened.append(self)
            super().__init__(path)

    monkeypatch.setattr("wildact.pipeline.VideoReader", Reader)
    assert analyze(blank.info.path, replace(tiny_settings, min_score=NEVER), models=models).status == "blank"
    assert len(opened) == 1
    write_outputs(tmp_path, blank, title="x")
    assert len(opened) == 2
    assert len(opened[1].pts) == (blank.info.frames or 0) // 2 + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ethogram.png", "thumbnail.jpg"]
    assert blank.status == "blank"
    assert blank.tracks == blank.actions == blank.bouts == ()
    assert not {"recognize", "clip"} & set(blank.timings_s)


def test_every_frame_is_looked_at_where_no_rate_is_given(film, tiny_settings, models, tmp_path):
    clip = film(tmp_path / "short.mp4", seconds=0.5, fps=30)
    settings = replace(tiny_settings, fps=None)
    assert analyze(clip, settings, models=models).detected.tolist() == list(range(15))


def test_a_video_of_one_frame(film, tiny_settings, models, tmp_path):
    result = analyze(film(tmp_path / "one.mp4", seconds=0.1), tiny_settings, models=models)
    assert result.info.frames == 1
    assert result.detected.tolist() == [0]
    assert all(len(track) == 1 for track in result.tracks)


def test_outputs_are_upright_videos_of_the_same_times_and_pictures(result, tmp_path):
    told = []
    timed = write_outputs(tmp_path, result, title="x", progress=lambda *step: told.append(step))
    assert {p.name for p in tmp_path.iterdir()} == {"ethogram.png", "thumbnail.jpg", "annotated.mp4"}
    with VideoReader(tmp_path / "annotated.mp4") as reader:
        drawn = [frame.time for frame in reader.frames()]
        assert (reader.info.width, reader.info.height) == (288, 192)
    assert drawn == [k / NTSC for k in range(60)]
    assert told[-1] == ("draw", 60, 60)
    assert {"draw", "encode", "export"} <= set(timed.timings_s)
    assert timed.timings_s["decode"] > result.timings_s["decode"]
    assert timed.timings_s["detect"] == result.timings_s["detect"]


def test_no_video_is_drawn_of_a_blank_one_or_where_it_is_not_wanted(result, blank, tmp_path):
    for name, shown, video in (("blank", blank, True), ("unwanted", result, False)):
        (tmp_path / name).mkdir()
        write_outputs(tmp_path / name, shown, title="x", video=video)
        assert {p.name for p in (tmp_path / name).iterdir()} == {"ethogram.png", "thumbnail.jpg"}


def test_the_package_s_own_analyze_is_this_one(film, tiny_settings, tmp_path):
    result = wildact.analyze(film(tmp_path / "a.mp4", seconds=0.3), tiny_settings)
    assert isinstance(result, VideoResult)
    assert result.info.frames == 3


def test_a_file_without_one_frame_is_an_error(tiny_settings, models, tmp_path):
    (tmp_path / "text.mp4").write_text("this is no video")
    with pytest.raises(VideoError, match=r"text\.mp4"):
        analyze(tmp_path / "text.mp4", tiny_settings, models=models)


@pytest.mark.parametrize("bad", [{"fps": Fraction(0)}, {"min_score": 0.0}, {"min_score": 1.0}])
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(UsageError):
        AnalysisSettings(**bad)


def test_the_tracker_s_lowest_score_reaches_the_detector(tiny_settings):
    settings = replace(tiny_settings, tracker=TrackerSettings(low_score=0.25))
    assert load_models(settings).detector.model.roi_heads.score_thresh == 0.25


def test_a_detector_of_video_runs_through_all_stages(clip, tiny_settings, tiny_video_detector, result):
    video_models = load_models(replace(tiny_settings, detector=tiny_video_detector))
    helped = analyze(clip, tiny_settings, models=video_models)
    assert helped.detected.tolist() == result.detected.tolist()
    assert helped.status == "ok"
    assert helped.models["detector"]["name"] == "fgfa_maskrcnn_lite0_fpn"
    assert set(helped.timings_s) == set(result.timings_s)
    assert any(
        not np.array_equal(a.boxes, b.boxes) for a, b in zip(helped.tracks, result.tracks, strict=False)
    )
    alone = replace(tiny_settings, window=WindowSettings(radius=0))
    for a, b in zip(analyze(clip, alone, models=video_models).tracks, result.tracks, strict=True):
        assert np.median(np.abs(a.boxes - b.boxes)) < 2  # random weights: a few boxes swap places


def test_an_animal_that_fills_the_picture_needs_no_detector(clip, tiny_settings, models):
    found = analyze(clip, replace(tiny_settings, whole_frame=True), models=models)
    (track,) = found.tracks
    assert len(track) == len(found.pts) == 60
    assert set(map(tuple, track.boxes.tolist())) == {(0, 0, 288, 192)}
    assert {bout.track_id for bout in found.bouts} == {1}
    assert found.bouts[-1].end_s == pytest.approx(60 / float(NTSC), abs=0.01)
    assert set(found.models) == {"recognizer"}


def test_people_and_vehicles_get_no_actions(clip, tiny_settings, models):
    names = tuple("person" if name == "red deer" else name for name in models.detector.card.classes)
    card = models.detector.card.model_copy(update={"classes": names})
    found = analyze(clip, tiny_settings, models=replace(models, detector=replace(models.detector, card=card)))
    assert {track.label for track in found.tracks} == {"person"}
    assert found.bouts == found.actions == ()


def test_bouts_below_the_probability_on_the_card_are_unknown(clip, tiny_settings, models):
    card = models.recognizer.card.model_copy(update={"min_probability": 0.999})
    unsure = replace(models, recognizer=replace(models.recognizer, card=card))
    found = analyze(clip, tiny_settings, models=unsure)
    assert {bout.action for bout in found.bouts} == {"unknown"}


@pytest.fixture(scope="module")
def unnaming(tiny_settings, tiny_namer, tmp_path_factory):
    """Settings with a detector that calls all that it finds ``animal``, and a namer."""
    state, card = load_weights(*find_weights(tiny_settings.detector, "detector"))
    path = tmp_path_factory.mktemp("animal") / "detector.safetensors"
    save_weights(path, state, card.model_copy(update={"classes": ("animal", "person", "vehicle", "x")}))
    return replace(tiny_settings, detector=str(path), namer=str(tiny_namer))


def test_what_is_found_as_an_animal_is_named(clip, unnaming, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text("roe deer\n")
    settings = replace(unnaming, species_list=listed)
    named = analyze(clip, settings)
    taxonomy = load_taxonomy()
    for track in named.tracks:
        assert track.label in taxonomy.lineage("roe deer")
        taxon = taxonomy.taxa[track.label]
        assert (track.rank, track.scientific_name) == (taxon.rank, taxon.scientific_name)
    assert named.models["namer"]["name"] == "lite0_namer"
    assert "name" in named.timings_s
    save_result(tmp_path, named)
    assert [t.rank for t in load_result(tmp_path).tracks] == [t.rank for t in named.tracks]


def test_without_a_namer_animals_stay_animals(clip, unnaming):
    unnamed = analyze(clip, replace(unnaming, namer=None))
    assert {(track.label, track.rank) for track in unnamed.tracks} == {("animal", "")}
    assert "namer" not in unnamed.models


def test_a_species_list_needs_a_namer(tmp_path):
    with pytest.raises(UsageError, match="a species list is for the namer"):
        AnalysisSettings(namer=None, species_list=tmp_path / "list.txt")
