"""A look through results before they are exported: when videos were recorded, and what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from wildact.datasets.results.deployments import Deployment, find_deployment
from wildact.datasets.results.folder import Results, read_recordings
from wildact.datasets.results.times import find_time
from wildact.decode.clock import Clock, ClockReading
from wildact.export.recording import Recording
from wildact.types import RecordingTime, VideoResult


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a folder of results holds.

    Attributes:
        times: video -> when it was recorded.
        untimed: video -> why this is not known.
        deployments: video -> its deployment, where it has one.
        labels: of all animals.
        counts: how many ``boxes``, ``interpolated`` ones among them, ``masks``, ``tracks``, ``bouts``,
            ``clips``.
        notes: what a person should look at, in sentences.
    """

    times: Mapping[str, RecordingTime]
    untimed: Mapping[str, str]
    deployments: Mapping[str, Deployment]
    labels: frozenset[str]
    counts: Mapping[str, int]
    notes: tuple[str, ...]


def take_inventory(
    results: Results,
    *,
    deployments: Sequence[Deployment] = (),
    clock: Clock = Clock(),  # noqa: B008  frozen
    given: Mapping[str, ClockReading] | None = None,
) -> Inventory:
    """Read through all results once, and find out when each video was recorded.

    Args:
        results: of a run.
        deployments: of its cameras, each with its clock.
        clock: of cameras without a deployment.
        given: times that a person gave, by video.

    Raises:
        DatasetError: if a result is damaged.
    """
    times, untimed, places, notes = {}, {}, {}, []
    labels: set[str] = set()
    counts: Counter[str] = Counter()
    given = given or {}
    for recording in read_recordings(results):
        name = recording.name
        deployment = find_deployment(name, deployments)
        if deployment is not None:
            places[name] = deployment
        own_clock = deployment.clock if deployment else clock
        time, said = find_time(name, recording.result.info.path, own_clock, given)
        if time is None:
            untimed[name] = said
        else:
            times[name] = time
            notes += _doubts(name, time, deployment, said)
        labels |= {track.label for track in recording.result.tracks}
        counts += _count(recording.result)
    if strays := sorted(set(given) - set(results.videos)):
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        notes.append(f"The table of times names {strays[0]}{more}, of which there is no result.")
    return Inventory(times, untimed, places, frozenset(labels), counts, tuple(notes))


def place_recordings(results: Results, inventory: Inventory) -> Iterator[Recording]:
    """The recordings of a run with what the inventory knows of their times."""
    for recording in read_recordings(results):
        time = inventory.times.get(recording.name)
        yield replace(recording, time=time, recorded=time.start.isoformat() if time else None)


def _doubts(name: str, time: RecordingTime, deployment: Deployment | None, disagreement: str) -> list[str]:
    doubts = []
    if disagreement:
        doubts.append(f"{name}: {disagreement}; the first was taken.")
    if deployment is not None and not deployment.start <= time.start <= deployment.end:
        doubts.append(
            f"{name}: recorded {time.start.isoformat(timespec='seconds')}, outside its deployment "
            f"{deployment.row['deploymentID']}; see to its clock or its dates."
        )
    return doubts


def _count(result: VideoResult) -> Counter[str]:
    counts: Counter[str] = Counter(tracks=len(result.tracks), bouts=len(result.bouts))
    for track in result.tracks:
        counts["boxes"] += len(track)
        counts["interpolated"] += len(track) - int(track.observed.sum())
        counts["masks"] += sum(mask is not None for mask in track.masks)
    counts["clips"] = sum(len(scores.start_s) for scores in result.actions)
    return counts
