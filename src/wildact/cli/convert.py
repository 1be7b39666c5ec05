"""``wildact convert``: labels from one format to another."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from wildact.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wildact.datasets import Dataset
    from wildact.datasets.formats.facts import Facts
    from wildact.datasets.formats.table import Format


def convert(
    source: Annotated[Path, typer.Argument(help="File or folder of labels.")],
    target: Annotated[Path, typer.Argument(help="File or folder to write.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Format of the source; guessed where it is certain.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Format of the target.")] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the videos: rate, size and length are read from them, and a native "
            "target gets them (linked, or copied)."
        ),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(help="Frames per second, e.g. 25 or 30000/1001, where the labels do not tell."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Frame size, e.g. 1920x1080, where the labels do not tell.")
    ] = None,
    action_attribute: Annotated[
        str | None, typer.Option(help="CVAT: the attribute that tells what an animal does.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop rather than lose anything.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Convert labels between annotation formats; what the target cannot hold is listed first."""
    from wildact.datasets.formats.facts import Facts, complete
    from wildact.datasets.formats.guess import guess_format, guess_target
    from wildact.datasets.formats.table import list_losses
    from wildact.datasets.words import plural

    target = target.resolve() if target.name in ("", "..") else target
    reader = _find_format(source, "read", "--from", from_, guess_format)
    writer = _find_format(target, "write", "--to", to, guess_target)
    if target.is_file() and not overwrite:
        raise OutputError(f"{target} exists; --overwrite replaces it.")
    facts = Facts(_parse_fps(fps), _parse_size(size), videos)
    if videos is not None and not videos.is_dir():
        raise UsageError(f"--videos {videos} is no folder.")
    dataset = _read(source, reader, facts, action_attribute)
    dataset, notes = complete(dataset, facts)
    losses = list_losses(dataset, writer)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(f"note: {note}", markup=False)
    _list(console, f"{reader.title} holds, and wildact does not:", dataset.dropped)
    _list(console, f"{writer.title} cannot hold:", losses)
    if strict and (losses or dataset.dropped):
        raise OutputError(f"{target} is not written: something would be lost (--strict).")
    _write(dataset, writer, target, with_videos=videos is not None, overwrite=overwrite)
    tracks = sum(len(video.tracks) for video in dataset.videos)
    amounts = (plural(len(dataset.videos), "video"), plural(tracks, "track"))
    console.print(f"{', '.join(filter(None, amounts)) or 'nothing'}: {target}", markup=False)


def _find_format(
    path: Path, verb: str, option: str, name: str | None, guess: Callable[[Path], str | None]
) -> Format:
    """The format that is named, else the one that the path stands for."""
    from wildact.datasets.formats.table import FORMATS

    format_ = FORMATS.get(name or guess(path) or "")
    if format_ is None:
        asked = f"'{name}' is no format to {verb}" if name else f"say in which format to {verb} it"
        raise UsageError(f"{path}: {asked} ({option} {', '.join(FORMATS)}).")
    return format_


def _read(source: Path, reader: Format, facts: Facts, action_attribute: str | None) -> Dataset:
    if action_attribute is not None and reader.name != "cvat":
        raise UsageError("--action-attribute is for --from cvat.")
    options = {} if action_attribute is None else {"action_attribute": action_attribute}
    if reader.takes_facts:
        return reader.read(source, facts, **options)
    return reader.read(source)


def _list(console: Console, title: str, lines: tuple[str, ...] | list[str]) -> None:
    if lines:
        console.print(title, markup=False, style="yellow")
    for line in lines:
        console.print(f"  {line}", markup=False)


def _write(dataset: Dataset, writer: Format, target: Path, *, with_videos: bool, overwrite: bool) -> None:
    """Write beside the target first, so that nothing is there before all is."""
    from wildact.atomic import replacing_folder

    with replacing_folder(target.parent) as folder:
        written = folder / target.name
        writer.write(dataset, written)
        for path in _list_files(written):
            place = target.parent / path.relative_to(folder)
            if place.exists() and not overwrite:
                raise OutputError(f"{place} exists; --overwrite replaces it.")
        if with_videos and writer.name == "native":
            _take_videos(dataset, written, target)


def _list_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _take_videos(dataset: Dataset, folder: Path, target: Path) -> None:
    """Put the videos where the native format says they are; those that are there already stay."""
    from wildact.datasets.place import place_video

    for video in dataset.videos:
        name = video.info.path.relative_to(dataset.root)
        if (target / name).exists():
            continue
        place_video(video.info.path, folder / name, link=True, copy=True)


def _parse_fps(text: str | None) -> Fraction | None:
    from wildact.datasets.formats.facts import parse_rate

    try:
        return None if text is None else parse_rate(text)
    except ValueError as error:
        raise UsageError(f"--fps: {error}; write 25 or 30000/1001.") from error


def _parse_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", text)
    if match is None:
        raise UsageError(f"--size takes width and height in pixels, like 1920x1080, not '{text}'.")
    return int(match[1]), int(match[2])
