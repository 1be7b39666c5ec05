"""What MOTChallenge and MOTS have in common: a folder for each video, with ``seqinfo.ini`` and ``gt/``.

::

    TARGET/
      seqmap.txt               names of the sequences, after the line "name"
      SEQUENCE/
        seqinfo.ini            name, frame rate, length, size; here also the exact rate and the video's path
        gt/gt.txt              the boxes or masks, frames counted from 1
        gt/labels.txt          names of the classes, in the order of their numbers from 1, as CVAT writes it

References: Milan et al. 2016, "MOT16: A Benchmark for Multi-Object Tracking"; Voigtlaender et al. 2019,
"MOTS: Multi-Object Tracking and Segmentation".
"""

from __future__ import annotations

import configparser
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wildact.atomic import replacing_folder
from wildact.datasets.dataset import Dataset, known_length, relative_name
from wildact.datasets.formats.build import build_dataset
from wildact.datasets.formats.checks import check_name, video_path
from wildact.datasets.formats.facts import read_rate
from wildact.datasets.limits import MAX_FRAMES
from wildact.datasets.words import Thing
from wildact.errors import DatasetError
from wildact.labels import LabelledVideo
from wildact.types import VideoInfo

TRUTH = Path("gt") / "gt.txt"
LABELS = Path("gt") / "labels.txt"
SEQUENCE_MAP = "seqmap.txt"


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence, without its boxes.

    Attributes:
        truth: its ``gt.txt``.
        info: of its video; what ``seqinfo.ini`` does not tell is unknown.
        classes: number -> name; empty where no ``labels.txt`` says so.
    """

    truth: Path
    info: VideoInfo
    classes: Mapping[int, str]


def read_sequences(
    path: Path, read_video: Callable[[Sequence, dict[str, None], Counter[Thing]], LabelledVideo]
) -> Dataset:
    """Read a sequence, or a folder of sequences.

    Args:
        path: of the folder, or of a ``gt.txt``.
        read_video: reads a sequence; it adds the species that it finds, in order, and counts what it drops.

    Raises:
        DatasetError: naming file and line.
    """
    root, sequences = _find_sequences(path)
    dropped: Counter[Thing] = Counter()
    species: dict[str, None] = {}
    videos = []
    for sequence in sequences:
        species |= dict.fromkeys(sequence.classes.values())
        videos.append(read_video(sequence, species, dropped))
    return build_dataset(str(path), root, videos, species=species, dropped=dropped)


def _find_sequences(path: Path) -> tuple[Path, list[Sequence]]:
    """The folder of the data set, and its sequences: those in ``path``, or the one that it is or lies in.

    Raises:
        DatasetError: if there is none, or one of its small files is broken.
    """
    if path.is_file():
        folder = path.parent.parent if path.parent.name == "gt" else path.parent
        return folder.parent, [_read_sequence(folder, folder.parent, path)]
    if (path / TRUTH).is_file():
        return path.parent, [_read_sequence(path, path.parent, path / TRUTH)]
    names = _read_map(path / SEQUENCE_MAP)
    folders = [path / name for name in names] if names else sorted(path.glob("*/")) if path.is_dir() else []
    folders = [folder for folder in folders if names or (folder / TRUTH).is_file()]
    if not folders:
        raise DatasetError(f"{path} holds no sequence: a folder with {TRUTH.as_posix()} in it.")
    return path, [_read_sequence(folder, path, folder / TRUTH) for folder in folders]


def _read_map(path: Path) -> list[str]:
    if not path.is_file():
        return []
    names = [line.strip() for _, line in iterate_lines(path)]
    names = names[names[:1] == ["name"] :]  # its header, which not all write
    for name in names:
        video_path(str(path), path.parent, name)
    return names


def iterate_lines(path: Path) -> Iterator[tuple[str, str]]:
    """File and number of each line that is not blank, for messages, and its text.

    Raises:
        DatasetError: if the file is missing, or no text in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}, line {number}", line.rstrip("\r\n")
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8: {error}.") from error


def _read_sequence(folder: Path, root: Path, truth: Path) -> Sequence:
    facts = _read_facts(folder / "seqinfo.ini")
    where = str(folder / "seqinfo.ini")
    place = video_path(where, root, facts.get("video") or folder.name)
    numbers = [_whole(where, facts, key) for key in ("imwidth", "imheight", "seqlength")]
    width, height, frames = numbers
    fps = read_rate(where, facts.get("framerateexact") or facts.get("framerate"))
    duration = frames / fps if frames is not None and fps else None
    info = VideoInfo(place, width or 0, height or 0, fps, frames, duration, "unknown")
    return Sequence(truth, info, _read_classes(truth.parent / LABELS.name))


def _read_facts(path: Path) -> dict[str, str]:
    """The keys of ``seqinfo.ini``, in small letters; none where there is no such file."""
    if not path.is_file():
        return {}
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source=str(path))
        return dict(parser["Sequence"])
    except (configparser.Error, KeyError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path} is no sequence file with a part [Sequence]: {reason}.") from error


def _whole(where: str, facts: Mapping[str, str], key: str) -> int | None:
    if key not in facts:
        return None
    text = facts[key].strip()
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MAX_FRAMES and len(text) < 9):
        raise DatasetError(f"{where}: {key} must be a positive whole number, not {facts[key]!r}.")
    return int(text)


def _read_classes(path: Path) -> dict[int, str]:
    if not path.is_file():
        return {}
    return {
        number: check_name(where, "a species", name)
        for number, (where, name) in enumerate(iterate_lines(path), start=1)
    }


def write_sequences(
    dataset: Dataset, folder: Path, list_rows: Callable[[LabelledVideo], Iterable[str]]
) -> None:
    """Write a folder of sequences.

    Args:
        dataset: to write.
        folder: the target.
        list_rows: the lines of ``gt.txt`` of a video.

    Raises:
        OutputError: if it cannot be written, or a video's length is unknown.
    """
    names = _name_sequences(dataset)
    with replacing_folder(folder) as temporary:
        for video, name in zip(dataset.videos, names, strict=True):
            truth = temporary / name / TRUTH
            truth.parent.mkdir(parents=True)
            with truth.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(f"{row}\n" for row in list_rows(video))
            _write(temporary / name / LABELS, dataset.species)
            _write(temporary / name / "seqinfo.ini", _list_facts(dataset, video, name))
        _write(temporary / SEQUENCE_MAP, ["name", *names])


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _name_sequences(dataset: Dataset) -> list[str]:
    """A folder for each video: its path with ``-`` between the parts; numbered where two are the same."""
    names: list[str] = []
    for video in dataset.videos:
        plain = relative_name(dataset, video).replace("/", "-")
        name, number = plain, 2
        while name.casefold() in {other.casefold() for other in names}:
            name, number = f"{plain}-{number}", number + 1
        names.append(name)
    return names


def _list_facts(dataset: Dataset, video: LabelledVideo, name: str) -> list[str]:
    info = video.info
    lines = ["[Sequence]", f"name={name}", "imDir=img1"]
    if info.fps:
        lines.append(f"frameRate={max(1, round(info.fps))}")  # readers take a whole number
    lines.append(f"seqLength={known_length(video)}")
    if info.width:
        lines += [f"imWidth={info.width}", f"imHeight={info.height}"]
    lines.append("imExt=.jpg")
    if info.fps:
        lines.append(f"frameRateExact={info.fps}")
    return [*lines, f"video={relative_name(dataset, video)}"]
