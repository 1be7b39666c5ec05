"""Camtrap DP 1.0.2 as a labelled data set: read what fits one, and write one as a package.

Of a package, :func:`read_camtrap_dp` takes those media of which each animal has a box on a numbered frame:
videos that wildact exported, pictures (read as videos of one frame) whose observations all have boxes, and
blank media. To take the others without their observations would say that they are blank; they are left out,
and ``Dataset.dropped`` says how many. `load_package` keeps every row.

Reference: https://camtrap-dp.tdwg.org.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wildact.datasets.dataset import Dataset, parse_light
from wildact.datasets.formats.build import build_dataset, build_video
from wildact.datasets.formats.camtrap_dp.package import Package, Row, load_package
from wildact.datasets.formats.camtrap_dp.tracks import read_actions, read_tracks
from wildact.datasets.formats.checks import check_name, check_video, video_path
from wildact.datasets.formats.facts import Facts, parse_rate
from wildact.datasets.formats.rows import TrackRows
from wildact.datasets.words import Thing, quote
from wildact.decode.clock import parse_time
from wildact.errors import DatasetError
from wildact.labels import ActionLabel, LabelledVideo
from wildact.types import Track, VideoInfo

_BLANK = "blank"


def read_camtrap_dp(path: Path, facts: Facts) -> Dataset:
    """Read the media of a package that fit a labelled data set.

    Args:
        path: the package's folder, or its ``datapackage.json``.
        facts: the size of pictures, or the folder they lie in; without, pictures with boxes are left out.

    Raises:
        DatasetError: if the package is broken.
    """
    package = load_package(path)
    deployments = {row["deploymentID"]: row for row in package.deployments}
    observations: dict[str, list[Row]] = {}
    for row in package.observations:
        if row["observationLevel"] == "media":
            observations.setdefault(row.get("mediaID", ""), []).append(row)
    own, short = _read_own(package)
    known_size = facts.size is not None or facts.videos is not None
    videos: dict[str, LabelledVideo] = {}
    for media in package.media:
        number, seen = media["mediaID"], observations.get(media["mediaID"], [])
        if number in own:
            videos[number] = own[number]
        elif seen and (_are_blank(seen) or (known_size and _have_boxes(media, seen))):
            videos[number] = _read_media(package, media, seen, deployments[media["deploymentID"]], facts)
    return build_dataset(
        str(package.folder),
        package.folder,
        videos.values(),
        species=(track.label for video in videos.values() for track in video.tracks),
        actions=(label.action for video in videos.values() for label in video.actions),
        facts={"description": package.title} if package.title else {},
        dropped=_count_dropped(package, set(videos), set(own), short),
    )


# -- what wildact exported ---------------------------------------------------------------------------------


def _read_own(package: Package) -> tuple[dict[str, LabelledVideo], int]:
    """Media -> video, of the media in wildact's own tables; and the number of bouts between two frames."""
    videos = {row["mediaID"]: _own_video(package, row) for row in package.recordings}
    sizes = {media: (video.info.height, video.info.width) for media, video in videos.items()}
    tracks = read_tracks(package.detections, sizes) if package.detections else {}
    actions, short = read_actions(package.observations, sizes)
    whole = {
        media: check_video(
            f"{package.folder}: media {quote(media)}",
            replace(video, tracks=tracks.get(media, ()), actions=actions.get(media, ())),
        )
        for media, video in videos.items()
    }
    return whole, short


def _own_video(package: Package, row: Row) -> LabelledVideo:
    where = f"{package.folder}: the recording of media {quote(row['mediaID'])}"
    try:
        fps = parse_rate(row["fps"])
        frames, width, height = (int(row[column]) for column in ("frames", "width", "height"))
    except ValueError as error:
        raise DatasetError(f"{where}: {error}.") from error
    path = video_path(where, package.folder, row["video"])
    return LabelledVideo(
        info=VideoInfo(path, width, height, fps, frames, frames / fps, "unknown"),
        site=row.get("site", ""),
        camera=row.get("camera", ""),
        light=parse_light(row.get("light")),
        tracks=(),
        actions=(),
        recorded=row.get("recorded") or None,
    )


# -- what others exported ----------------------------------------------------------------------------------


def _are_blank(observations: Sequence[Row]) -> bool:
    return all(row["observationType"] == _BLANK for row in observations)


def _have_boxes(media: Row, observations: Sequence[Row]) -> bool:
    """Whether the media is a picture of which every observation has a box."""
    boxes = all(
        row.get(column) for row in observations for column in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
    )
    return media["fileMediatype"].startswith("image/") and boxes


def _read_media(
    package: Package, media: Row, observations: Sequence[Row], deployment: Row, facts: Facts
) -> LabelledVideo:
    """A blank video, or a picture as a video of one frame."""
    where = f"{package.folder}: media {quote(media['mediaID'])}"
    path = video_path(where, package.folder, _file_name(media))
    time = parse_time(media["timestamp"])
    name = path.relative_to(package.folder).as_posix()
    size = (0, 0) if _are_blank(observations) else facts.find_size(where, name)
    seen = [row for row in observations if row["observationType"] != _BLANK]
    tracks = tuple(_track(where, k, row, size) for k, row in enumerate(seen, start=1))
    actions = [
        ActionLabel(k, check_name(where, "an action", action.strip()), 0, 1)
        for k, row in enumerate(seen, start=1)
        for action in row.get("behavior", "").split("|")
        if action.strip()
    ]
    frames = 1 if media["fileMediatype"].startswith("image/") else None
    return build_video(
        where,
        path,
        size=size,
        frames=frames,
        tracks=tracks,
        actions=actions,
        site=deployment.get("locationID", ""),
        camera=deployment.get("cameraID", ""),
        recorded=time.isoformat() if time else None,
    )


def _file_name(media: Row) -> str:
    """Where the file lies in the package; of one that lies elsewhere, its name there."""
    path = media["filePath"]
    return PurePosixPath(media.get("fileName") or path).name if "://" in path else path


def _track(where: str, number: int, row: Row, size: tuple[int, int]) -> Track:
    """The one box of an observation of a picture; of several animals it is a crowd."""
    label = row.get("scientificName") or row["observationType"]
    (width, height), probability = size, row.get("classificationProbability")
    rows = TrackRows(check_name(where, "a species", label), crowd=row.get("count", "") not in ("", "1"))
    try:
        x, y, w, h = (float(row[column]) for column in ("bboxX", "bboxY", "bboxWidth", "bboxHeight"))
        rows.add(0, (x * width, y * height, (x + w) * width, (y + h) * height))
        score = float(probability) if probability else 1.0
        if not 0 <= score <= 1:
            raise ValueError(f"{probability} is no probability")
        return replace(rows.build(number), label_score=score)
    except ValueError as error:
        raise DatasetError(f"{where}: observation {quote(row['observationID'])}: {error}.") from error


def _count_dropped(package: Package, taken: set[str], own: set[str], short: int) -> Counter[Thing]:
    """What of a package has no place in a data set."""
    lost: Counter[Thing] = Counter()
    boxless = "with animals that have no box on a numbered frame"
    lost[f"medium {boxless}", f"media {boxless}"] = sum(row["mediaID"] not in taken for row in package.media)
    for row in package.observations:
        if row["observationLevel"] == "event":
            lost["observation of an event", "observations of events"] += row.get("eventID") not in own
        elif row.get("mediaID") not in taken:
            lost["observation of these media", "observations of these media"] += 1
        elif row.get("mediaID") not in own and (row.get("sex") or row.get("lifeStage")):
            lost["sex or life stage of an animal", "sexes or life stages of animals"] += 1
    unset = "of a clock that was not set"
    lost[f"time {unset}", f"times {unset}"] = sum(
        row["mediaID"] in taken - own and parse_time(row["timestamp"]) is None for row in package.media
    )
    lost["bout shorter than a frame", "bouts shorter than a frame"] = short
    lost["place and dates of a deployment", "places and dates of deployments"] = len(package.deployments)
    return lost
