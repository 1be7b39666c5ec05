"""The head of a CVAT file: tasks (one video each), labels, and which attribute tells what an animal does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from wildact.datasets.formats.checks import check_name, video_path
from wildact.datasets.formats.facts import Facts
from wildact.datasets.formats.xml_stream import Event
from wildact.datasets.limits import MAX_FRAMES, MAX_PIXELS
from wildact.errors import DatasetError

NO_ACTION = frozenset({"", "__undefined__"})
"""Values of an action attribute that mean none; the second is what CVAT itself calls a missing value."""

_CHOICES = frozenset({"select", "radio"})
_MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Task:
    """A task: the labels of one video.

    Attributes:
        path: of the video.
        width: of its frames, pixels; 0: unknown.
        height: the same.
        frames: how many it has; None: unknown.
        step: how many frames from one labelled frame to the next.
    """

    path: Path
    width: int = 0
    height: int = 0
    frames: int | None = None
    step: int = 1


@dataclass(slots=True)
class Meta:
    """What the head says.

    Attributes:
        tasks: id -> task; of a file that knows but one, its only entry counts for every track.
        labels: names, in order; empty where the file does not list them.
        attribute: name of the attribute that holds actions; None: not known yet, or there is none.
        actions: values of that attribute, in order.
        is_complete: the file lists its labels, so no other label or attribute can hold anything.
        is_guess: the attribute was taken because it was the first.
    """

    tasks: dict[str, Task]
    labels: list[str] = field(default_factory=list)
    attribute: str | None = None
    actions: list[str] = field(default_factory=list)
    is_complete: bool = False
    is_guess: bool = False


@dataclass(slots=True)
class _Node:
    """A small element with all that is in it."""

    tag: str
    text: str = ""
    children: list[_Node] = field(default_factory=list)

    def find(self, *tags: str) -> _Node | None:
        """The first child with one of the names."""
        return next((child for child in self.children if child.tag in tags), None)

    def all(self, parent: str, tag: str) -> list[_Node]:
        """Children of the first child ``parent``."""
        above = self.find(parent)
        return [] if above is None else [child for child in above.children if child.tag == tag]

    def value(self, tag: str) -> str | None:
        """Text of a child."""
        child = self.find(tag)
        return None if child is None else child.text


def read_meta(where: str, file: Path, root: Path, events: Iterator[Event], attribute: str | None) -> Meta:
    """Read the head, from after its first tag.

    Args:
        where: for messages.
        file: the XML file.
        root: the folder below which videos lie.
        events: the file's, up to the end of the head taken from it.
        attribute: that holds actions, where the user says so.

    Raises:
        DatasetError: if a number or a name is impossible, or it is not clear which attribute holds actions.
    """
    head = _read_node(where, "meta", events)
    project = head.find("project")
    above = project if project is not None else head.find("task", "job")
    if above is None:
        return Meta({"": guess_task(file, root)}, attribute=attribute)
    nodes = [above] if project is None else above.all("tasks", "task")
    tasks = {(node.value("id") or "").strip(): _task(where, file, root, head, node) for node in nodes}
    if len(tasks) < max(1, len(nodes)):
        raise DatasetError(f"{where}: it has no tasks, or two with the same id.")
    labels = above.all("labels", "label")
    meta = Meta(tasks, is_complete=bool(labels), attribute=attribute)
    meta.labels = list(
        dict.fromkeys(check_name(where, "a label", label.value("name") or "") for label in labels)
    )
    choices = [node for label in labels for node in label.all("attributes", "attribute") if _is_choice(node)]
    names = list(dict.fromkeys(node.value("name") or "" for node in choices))
    if attribute is None and len(names) > 1:
        raise DatasetError(
            f"{where}: the attributes {' and '.join(map(repr, names))} can all change from frame to frame; "
            "say which of them tells what an animal does (--action-attribute)."
        )
    meta.attribute = attribute if attribute is not None else next(iter(names), None)
    values = [value for node in choices if node.value("name") == meta.attribute
              for value in (node.value("values") or "").split("\n")]  # fmt: skip
    meta.actions = [
        check_name(where, "an action", value) for value in dict.fromkeys(values) if value not in NO_ACTION
    ]
    return meta


def _read_node(where: str, tag: str, events: Iterator[Event], depth: int = 0) -> _Node:
    """An element and all in it, from after its first tag."""
    if depth > _MAX_DEPTH:
        raise DatasetError(f"{where}: elements lie within each other without end.")
    node = _Node(tag)
    for event in events:
        if event.start:
            node.children.append(_read_node(where, event.tag, events, depth + 1))
        else:
            node.text = event.text
            break
    return node


def _is_choice(node: _Node) -> bool:
    """Whether an attribute can change from frame to frame and has a list of values."""
    mutable = (node.value("mutable") or "").strip().lower() == "true"
    return mutable and (node.value("input_type") or "").strip() in _CHOICES


def _task(where: str, file: Path, root: Path, head: _Node, node: _Node) -> Task:
    name = node.value("source") or head.value("source") or node.value("name") or ""
    path = video_path(where, root, name.strip()) if name.strip() else guess_task(file, root).path
    size = node.find("original_size") or head.find("original_size") or _Node("")
    filters = re.search(r"step=([0-9]{1,6})", node.value("frame_filter") or "")
    count, stop = _number(where, node, "size"), _number(where, node, "stop_frame")
    width, height = _number(where, size, "width") or 0, _number(where, size, "height") or 0
    if width * height > MAX_PIXELS:
        raise DatasetError(f"{where}: no video has frames of {width} x {height} pixels.")
    return Task(
        path=path,
        width=width,
        height=height,
        frames=count if stop is None else max(stop + 1, count or 0),
        step=max(1, int(filters[1])) if filters else 1,
    )


def _number(where: str, node: _Node, tag: str) -> int | None:
    text = (node.value(tag) or "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,8}", text) or int(text) > MAX_FRAMES:
        raise DatasetError(f"{where}: {tag} must be a whole number, not {text[:40]!r}.")
    return int(text)


def guess_task(file: Path, root: Path) -> Task:
    """The task of a file that says nothing of it: its video has the file's own name."""
    return Task(root / file.relative_to(root).with_suffix(""))


def with_size(where: str, task: Task, root: Path, facts: Facts) -> Task:
    """The task with its frame size, asked for where the file does not tell it.

    Raises:
        DatasetError: if nobody knows it.
    """
    if task.width and task.height:
        return task
    width, height = facts.find_size(where, task.path.relative_to(root).as_posix())
    return replace(task, width=width, height=height)
