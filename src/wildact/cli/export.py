"""``wildact export``: results of a run in the formats of other tools."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wildact.errors import OutputError, UsageError

if TYPE_CHECKING:
    from wildact.datasets.results.deployments import Deployment
    from wildact.datasets.results.folder import Results
    from wildact.datasets.results.inventory import Inventory
    from wildact.decode.clock import Clock

LISTED = 10
"""At most so many videos are named in a message."""


class Target(StrEnum):
    """Formats to export to."""

    CAMTRAP_DP = "camtrap-dp"
    BORIS = "boris"
    CVAT = "cvat"
    COCO = "coco"
    YOUTUBE_VIS = "youtube-vis"
    MOT = "mot"
    MEGADETECTOR = "megadetector"
    LABEL_STUDIO = "label-studio"


@dataclass(frozen=True, slots=True)
class Known:
    """What people know and no video tells: a table, and files that are read when they are needed."""

    deployments: tuple[Deployment, ...]
    project: Path | None
    species: Path | None


def export(
    results: Annotated[Path, typer.Argument(help="Folder that `wildact run` wrote.")],
    to: Annotated[Target, typer.Option(help="The format.")],
    out: Annotated[Path, typer.Option(help="File or folder to write; docs/export.md says which.")],
    deployments: Annotated[
        Path | None, typer.Option(help="CSV file: where each camera stood, from when to when.")
    ] = None,
    project: Annotated[
        Path | None, typer.Option(help="JSON file: people and design of the project (camtrap-dp).")
    ] = None,
    species: Annotated[
        Path | None, typer.Option(help="CSV file: scientific names of labels (camtrap-dp).")
    ] = None,
    times: Annotated[Path | None, typer.Option(help="CSV file: when videos were recorded.")] = None,
    timezone: Annotated[
        str | None, typer.Option(help="In which the cameras' clocks were set: Europe/Berlin, +01:00, ...")
    ] = None,
    clock_offset: Annotated[
        str, typer.Option(help="To add to the cameras' times: seconds, or [+-][DAYSd ]HH:MM:SS.")
    ] = "0",
    camera_tags: Annotated[
        bool, typer.Option("--camera-tags", help="creation_time holds the camera's own time, not UTC.")
    ] = False,
    template: Annotated[
        bool, typer.Option("--template", help="Write tables to be filled into the folder --out instead.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write results in the format of another tool, after saying what it cannot hold."""
    from wildact.datasets.results.deployments import load_deployments
    from wildact.datasets.results.folder import find_results
    from wildact.datasets.results.inventory import take_inventory
    from wildact.datasets.results.times import load_times

    if not template and not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputError(f"{out} is there already, perhaps corrected by hand; --overwrite replaces it.")
    clock = parse_clock(timezone, clock_offset, camera_tags=camera_tags)
    found = find_results(results)
    known = Known(load_deployments(deployments, clock) if deployments else (), project, species)
    given = load_times(times) if times else {}
    inventory = take_inventory(found, deployments=known.deployments, clock=clock, given=given)
    for name, error in found.failed:
        typer.echo(f"Left out, because it could not be analysed: {name}: {error}", err=True)
    for note in inventory.notes:
        typer.echo(note, err=True)
    if template:
        _write_templates(out, found, inventory)
    elif to == Target.CAMTRAP_DP:
        _export_camtrap_dp(out, found, inventory, known)
    elif to in (Target.BORIS, Target.MEGADETECTOR):
        _export_recordings(to, out, found, inventory)
    else:
        _export_dataset(to, out, found, inventory)


def parse_clock(zone: str | None, offset: str, *, camera_tags: bool) -> Clock:
    """The clock that the options describe."""
    from wildact.decode.clock import Clock, parse_clock_offset, parse_zone

    try:
        parsed_zone = None if zone is None else parse_zone(zone)
    except ValueError as error:
        raise UsageError(f"--timezone: {error}.") from error
    try:
        return Clock(zone=parsed_zone, offset=parse_clock_offset(offset), local_tags=camera_tags)
    except ValueError as error:
        raise UsageError(f"--clock-offset: {error}.") from error


def _write_templates(out: Path, results: Results, inventory: Inventory) -> None:
    from wildact.datasets.formats.camtrap_dp.project import (
        load_taxa,
        save_project_template,
        save_taxa_template,
    )
    from wildact.datasets.results.deployments import save_template
    from wildact.datasets.results.times import save_times_template

    save_template(out / "deployments.csv", list(results.videos))
    save_project_template(out / "project.json")
    written = ["deployments.csv", "project.json"]
    unknown = [label for label in inventory.labels if label.casefold() not in load_taxa(None)]
    if unknown:
        save_taxa_template(out / "species.csv", unknown)
        written.append("species.csv")
    if inventory.untimed:
        save_times_template(out / "times.csv", list(inventory.untimed))
        written.append("times.csv")
    typer.echo(f"Fill {', '.join(written)} in {out}, then export again with them (docs/export.md).")


def _export_camtrap_dp(out: Path, results: Results, inventory: Inventory, known: Known) -> None:
    from wildact.datasets.formats.camtrap_dp.project import load_project, load_taxa
    from wildact.datasets.results.inventory import place_recordings
    from wildact.export.camtrap_dp import save_camtrap_dp

    _check_camtrap_dp(results, inventory, known)
    assert known.project is not None
    _say_losses([_number(inventory, "clips", "clip", "clips", "the scores of all actions in {}")])
    save_camtrap_dp(
        out,
        (
            (recording, inventory.deployments[recording.name].row["deploymentID"])
            for recording in place_recordings(results, inventory)
        ),
        deployments=[deployment.row for deployment in known.deployments],
        project=load_project(known.project),
        taxa=load_taxa(known.species),
        classified=results.analysed,
    )
    _say_done(results, out / "datapackage.json")


def _check_camtrap_dp(results: Results, inventory: Inventory, known: Known) -> None:
    """Say all that is missing at once, before anything is written."""
    needs = []
    if not known.deployments:
        needs.append("--deployments, a table of where each camera stood and from when to when")
    if known.project is None:
        needs.append("--project, a JSON file with title, contributors and sampling design")
    if needs:
        raise UsageError(
            f"Camtrap DP needs {' and '.join(needs)}; `wildact export {results.folder} --to camtrap-dp"
            " --template --out FOLDER` writes both to be filled."
        )
    if homeless := [name for name in results.videos if name not in inventory.deployments]:
        raise UsageError(f"no row of --deployments is about {_list(homeless)}; write their folder in one.")
    if inventory.untimed:
        reasons = [f"{name} ({why})" for name, why in inventory.untimed.items()]
        raise UsageError(
            f"when these videos were recorded is unknown: {_list(reasons, '; ')}; give a time zone, or the"
            " times in --times (--template writes a table of them)."
        )
    if not results.videos:
        raise UsageError(f"{results.folder} holds no video that could be analysed.")


def _export_recordings(to: Target, out: Path, results: Results, inventory: Inventory) -> None:
    from wildact.datasets.results.inventory import place_recordings
    from wildact.datasets.results.labels import find_audio
    from wildact.export.boris import save_boris
    from wildact.export.megadetector import save_megadetector

    recordings = place_recordings(results, inventory)
    if to == Target.BORIS:
        _say_losses(
            [
                _number(inventory, "boxes", "box", "boxes"),
                _number(inventory, "masks", "mask", "masks"),
                _number(inventory, "clips", "clip", "clips", "the scores of all actions in {}"),
            ]
        )
        save_boris(out, find_audio(recordings))
    else:
        _say_losses(
            [
                _number(inventory, "masks", "mask", "masks"),
                _number(inventory, "interpolated", "box between detections", "boxes between detections"),
                _number(inventory, "tracks", "track", "tracks", "which boxes are the same animal ({})"),
                _number(inventory, "bouts", "bout of an action", "bouts of actions"),
            ]
        )
        save_megadetector(out, recordings, completed=results.analysed)
    _say_done(results, out)


def _export_dataset(to: Target, out: Path, results: Results, inventory: Inventory) -> None:
    from wildact.datasets.formats.table import FORMATS, list_losses
    from wildact.datasets.results.inventory import place_recordings
    from wildact.datasets.results.labels import to_dataset

    format_ = FORMATS[to]
    dataset = to_dataset(results.folder, place_recordings(results, inventory))
    found = replace(dataset, facts={})  # these are words of wildact's own, no results
    _say_losses([*dataset.dropped, *list_losses(found, format_)])
    format_.write(dataset, out)
    _say_done(results, out)


def _say_losses(losses: list[str]) -> None:
    if said := [loss for loss in losses if loss]:
        typer.echo(f"Not in the export: {'; '.join(said)}.", err=True)


def _say_done(results: Results, target: Path) -> None:
    from wildact.datasets.words import plural

    typer.echo(f"{plural(len(results.videos), 'video') or 'no video'} in {target}")


def _number(inventory: Inventory, key: str, thing: str, things: str, phrase: str = "{}") -> str:
    """How many of something there are; empty for none."""
    from wildact.datasets.words import plural

    number = plural(inventory.counts.get(key, 0), thing, things)
    return phrase.format(number) if number else ""


def _list(names: list[str], separator: str = ", ") -> str:
    more = f"{separator}and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return separator.join(names[:LISTED]) + more
