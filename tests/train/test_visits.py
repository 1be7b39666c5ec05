import pickle
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from wildact.errors import DatasetError, UsageError
from wildact.recipes import load_recipe
from wildact.train import detection, recognition
from wildact.train.visits import MIXED_VISITS, Batches, Blocks, _to_arrays

SMALL_RECOGNIZER = str(Path(__file__).parents[1] / "small_recognizer.toml")

VIDEOS = [SimpleNamespace(name=k, info=SimpleNamespace(path=f"{k}.mp4")) for k in range(10)]


def draw(video, rng):
    """Two samples that say which video they are of, and a random number."""
    return [(video.name, int(rng.integers(1 << 30))) for _ in range(2)]


def blocks(**changes):
    settings = {"seed": 0, "batch_size": 3, "samples_per_visit": 2, "iterations": 100, **changes}
    return Blocks(VIDEOS, draw, **settings)


def test_a_block_holds_whole_batches_and_no_batch_two_samples_of_a_visit():
    plan = blocks()
    assert plan.visits >= MIXED_VISITS
    assert plan.visits * 2 == plan.batches * 3
    batches = plan[0]
    assert [len(batch) for batch in batches] == [3] * plan.batches
    visited = [name for batch in batches for name, _ in batch]
    assert all(visited.count(k) >= 4 for k in range(10))  # 24 visits of ten videos: each twice at least
    assert len({sample for batch in batches for sample in batch}) == plan.visits * 2
    of_visit = {sample: k for k in range(plan.visits) for sample in plan.visit(k)}
    assert all(len({of_visit[sample] for sample in batch}) == 3 for batch in batches)


def test_processes_that_train_together_share_the_batches_of_one():
    whole = blocks(batch_size=6)
    parts = [whole.share(rank, 3) for rank in range(3)]
    for together, *shares in zip(whole[1], *(part[1] for part in parts), strict=True):
        assert [len(share) for share in shares] == [2, 2, 2]
        assert sorted(together) == sorted(sample for share in shares for sample in share)
    with pytest.raises(UsageError, match="4 processes cannot share a batch of 6"):
        whole.share(0, 4)


def test_the_videos_of_a_batch_can_be_told_without_decoding_them():
    plan = blocks(batch_size=5)
    every = [batch for k in range(len(plan)) for batch in plan[k]]
    for iteration in (0, 7, 33, 99):
        assert [name for name, _ in every[iteration]] == [v.name for v in plan.videos_of(iteration)]


def test_what_a_block_holds_depends_on_its_number_alone():
    one, other = blocks(), blocks()
    other[0]
    assert one[3] == other[3]
    assert one[3] != one[4]
    assert blocks(seed=1)[3] != one[3]


def test_every_video_is_visited_once_in_a_round():
    plan = blocks()
    assert sorted(plan.visit(k)[0][0] for k in range(10, 20)) == list(range(10))


@pytest.mark.parametrize("start", [0, 1, 16, 21])
def test_batches_begin_anywhere_and_end_with_the_training(start):
    plan = blocks(iterations=37)
    every = [batch for k in range(len(plan)) for batch in plan[k]]
    assert len(every) == 37
    assert list(Batches(plan, workers=0, start=start)) == every[start:]
    assert len(Batches(plan, workers=0, start=start)) == 37


@pytest.fixture
def few_open_files():
    """A system that allows fewer open files than a block of a detector's batches has tensors."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_open_files")
def test_worker_processes_make_the_same_batches(tiny_dataset):
    recipe = load_recipe(
        "maskrcnn_lite0_fpn_finetune", ["optimizer.iterations=20", "data.width=64", "data.height=32"]
    )
    plan = detection.build_blocks(tiny_dataset, recipe)
    handed_over = pickle.dumps(_to_arrays(plan[0]))
    assert b"torch" not in handed_over  # with tensors, what follows would stand still
    own, theirs = (list(Batches(plan, workers=workers, start=17)) for workers in (0, 2))
    assert len(own) == len(theirs) == 3
    for one, other in zip(own, theirs, strict=True):
        assert all(torch.equal(a, b) for (a, _), (b, _) in zip(one, other, strict=True))


def test_others_stand_in_for_videos_that_cannot_be_decoded():
    def damaged(video, rng):
        return [] if video.name < 5 else draw(video, rng)

    plan = Blocks(VIDEOS, damaged, seed=0, batch_size=4, samples_per_visit=2, iterations=12)
    assert {name for batch in plan[0] for name, _ in batch} == {5, 6, 7, 8, 9}
    assert {len(batch) for batch in plan[0]} == {4}
    nothing = Blocks(VIDEOS, lambda video, rng: [], seed=0, batch_size=4, samples_per_visit=2, iterations=12)
    with pytest.raises(DatasetError, match="hardly any video can be decoded, among them 9"):
        nothing[0]


def test_files_that_are_damaged_or_gone_do_not_end_a_training(told_apart, tmp_path, caplog):
    (video,) = told_apart.videos
    content = video.info.path.read_bytes()
    empty, cut, gone, good = paths = [tmp_path / f"{name}.mp4" for name in ("empty", "cut", "gone", "good")]
    empty.write_bytes(b"")
    cut.write_bytes(content[: len(content) // 2])
    good.write_bytes(content)
    videos = tuple(replace(video, info=replace(video.info, path=path)) for path in paths)
    recipe = load_recipe(
        SMALL_RECOGNIZER, ["optimizer.iterations=4", "optimizer.batch_size=4", "data.size=32"]
    )
    plan = recognition.build_blocks(replace(told_apart, videos=videos), recipe)
    assert all(len(batch) == 4 for batch in plan[0])
    assert f"{empty} gives no samples" in caplog.text
    assert f"{gone} gives no samples" in caplog.text
    assert f"{good} gives no samples" not in caplog.text

    good.unlink()
    cut.unlink()
    with pytest.raises(DatasetError) as caught:
        list(Batches(plan, workers=1))
    assert str(caught.value).startswith("hardly any video can be decoded, among them ")
    assert "Traceback" not in str(caught.value)


def test_samples_repeat_where_a_visit_gives_few():
    plan = Blocks(
        VIDEOS, lambda v, rng: draw(v, rng)[:1], seed=0, batch_size=4, samples_per_visit=3, iterations=9
    )
    assert all(len(batch) == 4 for batch in plan[0])


def test_the_time_spent_on_waiting_is_known():
    def slow(video, rng):
        time.sleep(0.01)
        return draw(video, rng)

    plan = Blocks(VIDEOS, slow, seed=0, batch_size=4, samples_per_visit=2, iterations=3)
    batches = Batches(plan, workers=0)
    list(batches)
    assert batches.waited_s >= 0.01 * plan.visits


def test_generators_of_visits_differ():
    assert len({value for k in range(50) for _, value in blocks().visit(k)}) == 100
