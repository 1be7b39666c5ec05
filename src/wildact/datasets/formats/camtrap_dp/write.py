"""Write a labelled data set as a Camtrap DP package; see :mod:`wildact.export.camtrap_dp`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from wildact.datasets.dataset import Dataset
from wildact.datasets.formats.camtrap_dp.project import load_project, load_taxa
from wildact.datasets.results.deployments import find_deployment, load_deployments
from wildact.datasets.results.labels import read_dataset_recordings
from wildact.decode.clock import Clock, ClockReading, correct_clock, parse_time
from wildact.errors import OutputError
from wildact.export.camtrap_dp import save_camtrap_dp
from wildact.export.recording import Recording


def write_camtrap_dp(dataset: Dataset, folder: Path) -> None:
    """Write a labelled data set as a package.

    What no data set knows stands in files in its folder: ``deployments.csv``, ``project.json`` and, where
    labels have no scientific name in :data:`wildact.export.taxa.TAXA`, ``species.csv``.

    Raises:
        OutputError: if the package cannot be written, or a video has no deployment, time or frame rate.
        DatasetError: if one of these files is missing or broken.
    """
    deployments = load_deployments(dataset.root / "deployments.csv", Clock())
    species = dataset.root / "species.csv"

    def place() -> Iterator[tuple[Recording, str]]:
        for recording in read_dataset_recordings(dataset):
            deployment = find_deployment(recording.name, deployments)
            if deployment is None:
                raise OutputError(f"{dataset.root / 'deployments.csv'} has no row for {recording.name}.")
            yield _timed(recording, deployment.clock), deployment.row["deploymentID"]

    save_camtrap_dp(
        folder,
        place(),
        deployments=[deployment.row for deployment in deployments],
        project=load_project(dataset.root / "project.json"),
        taxa=load_taxa(species if species.exists() else None),
    )


def _timed(recording: Recording, clock: Clock) -> Recording:
    time = parse_time(recording.recorded or "")
    if time is None:
        raise OutputError(f"{recording.name}: when it was recorded is unknown; Camtrap DP needs it.")
    try:
        reading = ClockReading("the data set", recording.recorded or "", time)
        return replace(recording, time=correct_clock(reading, Clock(zone=clock.zone)))
    except ValueError as error:
        raise OutputError(f"{recording.name}: {error}; write it in deployments.csv.") from error
