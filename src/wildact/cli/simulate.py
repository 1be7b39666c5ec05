"""``wildact simulate``: camera-trap clips drawn in code, with exact truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from wildact.cli.run import parse_fps
from wildact.errors import UsageError


def simulate(
    out: Annotated[Path, typer.Argument(help="Folder for the data set.")],
    videos: Annotated[int, typer.Option(min=1, help="How many videos.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same data; other seeds, other sites.")] = 0,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of each video.")] = 8.0,
    width: Annotated[int, typer.Option(min=64, help="Pixels.")] = 640,
    height: Annotated[int, typer.Option(min=48, help="Pixels.")] = 360,
    sites: Annotated[int, typer.Option(min=1, help="Places, each with its own scenery.")] = 4,
    cameras: Annotated[int, typer.Option(min=1, help="Cameras at each site.")] = 2,
    blank_share: Annotated[float, typer.Option(min=0, max=1, help="Share of videos without animals.")] = 0.15,
    max_animals: Annotated[int, typer.Option(min=1, max=8, help="Most animals in one video.")] = 4,
    fps: Annotated[
        str, typer.Option(help="Frames per second, e.g. 15 or 30000/1001; 'mixed': as cameras have them.")
    ] = "mixed",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Draw camera-trap clips with exact truth: boxes, masks, species, tracks and actions."""
    from wildact.simulate import SimulationSettings, simulate_dataset

    if fps == "all":
        raise UsageError("--fps takes a number of frames per second, or 'mixed', not 'all'.")
    settings = SimulationSettings(
        videos=videos,
        seed=seed,
        seconds=seconds,
        width=width,
        height=height,
        sites=sites,
        cameras_per_site=cameras,
        blank_share=blank_share,
        max_animals=max_animals,
        fps=None if fps == "mixed" else parse_fps(fps),
    )
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("videos", total=videos)
        simulate_dataset(
            out, settings, workers=workers, on_video=lambda done, _: progress.update(task, completed=done)
        )
    typer.echo(f"{videos} videos in {out}")
