"""``wildact run``: videos in, tables, pictures and a report out."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from wildact import defaults
from wildact.errors import UsageError

if TYPE_CHECKING:
    from wildact.runner import BatchResult

# also of `wildact evaluate`, which analyses as this does
MinScoreOption = Annotated[
    float | None,
    typer.Option(
        help="Half of an animal's detections, or three seconds of them, need this score, 0 to 1; by default "
        "that of the detector's weights."
    ),
]
WindowOption = Annotated[
    int, typer.Option(min=0, help="Detected frames before and after that help one (fgfa_* detectors).")
]
NamerOption = Annotated[
    str,
    typer.Option(help="Weights that name what the detector calls just animal: a name, a file, or 'none'."),
]
SpeciesListOption = Annotated[
    Path | None, typer.Option(help="Text file with what lives there, one name per line; names come from it.")
]
MirroredOption = Annotated[
    bool,
    typer.Option(
        "--mirrored/--no-mirrored",
        help="Show each clip to the action network mirrored too: surer, at twice its time.",
    ),
]


def run(
    inputs: Annotated[list[str], typer.Argument(help="Video files, folders (searched through) or globs.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; an interrupted run goes on here.")],
    detector: Annotated[
        str, typer.Option(help="Detector: a name from `wildact models`, a weights file or a run folder.")
    ] = defaults.DETECTOR,
    recognizer: Annotated[
        str, typer.Option(help="Action network: a name, a weights file or a run folder.")
    ] = defaults.RECOGNIZER,
    namer: NamerOption = defaults.NAMER,
    species_list: SpeciesListOption = None,
    fps: Annotated[
        str, typer.Option(help="Detect on so many frames per second, interpolate between; or 'all'.")
    ] = "10",
    min_score: MinScoreOption = None,
    window: WindowOption = 10,
    mirrored: MirroredOption = True,
    whole_frame: Annotated[
        bool,
        typer.Option(
            "--whole-frame", help="One animal fills the picture, as in a cage: actions without a detector."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Videos analysed at the same time.")] = 1,
    video: Annotated[bool, typer.Option("--video/--no-video", help="Write annotated videos.")] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do finished videos again, with other settings, too.")
    ] = False,
) -> None:
    """Find who was in each video, where, for how long, doing what."""
    from wildact.detect import WindowSettings
    from wildact.pipeline import AnalysisSettings
    from wildact.runner import find_videos, run_batch

    settings = AnalysisSettings(
        detector=detector,
        recognizer=recognizer,
        namer=parse_namer(namer),
        species_list=species_list,
        fps=parse_fps(fps),
        min_score=min_score,
        device=choose_device(device),
        window=WindowSettings(radius=window),
        mirrored=mirrored,
        whole_frame=whole_frame,
    )
    videos = find_videos(inputs)
    console = Console(stderr=True)
    with _BatchProgress(console, len(videos)) as progress:
        result = run_batch(
            videos, out, settings, workers=workers, draw=video, overwrite=overwrite, tell=progress.tell
        )
    _print_summary(Console(), result)
    if result.interrupted:
        console.print("Interrupted. The same command goes on where this one stopped.")
        raise typer.Exit(130)
    if result.failed:
        raise typer.Exit(3)


def parse_namer(name: str) -> str | None:
    """Return the name of a namer; None for ``none``."""
    return None if name == "none" else name


def parse_fps(text: str) -> Fraction | None:
    """Frames per second, exact; ``all`` is None."""
    if text == "all":
        return None
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}|/0*[1-9][0-9]{0,5})?", text):
        raise UsageError(f"--fps takes a number of frames per second, or 'all', not '{text}'.")
    return Fraction(text)


def choose_device(name: str) -> str:
    """The device to run on; ``auto`` takes a GPU where there is one."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from error
    return name


class _BatchProgress:
    """One bar for the batch, one for each video at work."""

    def __init__(self, console: Console, videos: int) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self.overall = self.progress.add_task("all videos", total=videos, unit="videos")
        self.tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _BatchProgress:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def tell(self, event: object) -> None:
        from wildact.runner import Failed, Finished, Progressed, Skipped, Started

        match event:
            case Started(video=name):
                self.tasks[name] = self.progress.add_task(_short(name), total=None, unit="")
            case Progressed(video=name, stage=stage, done=done, total=total) if name in self.tasks:
                self.progress.update(self.tasks[name], completed=done, total=total, unit=f"frames, {stage}")
            case Finished(video=name) | Failed(video=name) | Skipped(video=name):
                if name in self.tasks:
                    self.progress.remove_task(self.tasks.pop(name))
                self.progress.advance(self.overall)
                if isinstance(event, Failed):
                    self.progress.console.print(f"failed: {event.error}", markup=False, style="red")


def _short(name: str, length: int = 40) -> str:
    return name if len(name) <= length else "…" + name[1 - length :]


def _print_summary(console: Console, result: BatchResult) -> None:
    outcomes = result.outcomes
    counts = {status: sum(line.status == status for line in outcomes) for status in ("ok", "blank", "failed")}
    table = Table("video", "status", "tracks", box=None, header_style="bold")
    shown = outcomes if len(outcomes) <= 30 else [line for line in outcomes if line.status == "failed"][:30]
    for name, status, found, _ in shown:
        style = {"failed": "red", "blank": "dim"}.get(status)
        table.add_row(escape(_short(name, 60)), status, str(found or ""), style=style)
    if shown:
        console.print(table)
    tracks = sum(line.tracks for line in outcomes)
    console.print(
        f"{len(outcomes)} videos: {counts['ok']} with animals, people or vehicles ({tracks} tracks), "
        f"{counts['blank']} blank, {counts['failed']} failed.",
        highlight=False,
    )
    if result.others:
        console.print(
            f"The tables are of these videos; results of {result.others} others lie beside them.",
            highlight=False,
        )
    console.print(f"Open {result.out / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
