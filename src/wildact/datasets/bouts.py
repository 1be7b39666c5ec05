"""Bouts that labels state, made to fit formats which know one action of an animal at a time."""

from __future__ import annotations

from wildact.labels import ActionLabel, LabelledVideo


def boxed_actions(video: LabelledVideo) -> tuple[ActionLabel, ...]:
    """The actions of animals that have boxes: formats of behaviour alone tell of others too."""
    ids = {track.track_id for track in video.tracks}
    return tuple(label for label in video.actions if label.track_id in ids)


def kept_actions(actions: tuple[ActionLabel, ...]) -> tuple[ActionLabel, ...]:
    """The actions of a video of which no two of one animal overlap: the earlier one stays.

    Returns:
        In order of track and time. Of actions that begin on the same frame the longest stays.
    """
    kept: list[ActionLabel] = []
    for label in sorted(actions, key=lambda a: (a.track_id, a.start_frame, -a.end_frame, a.action)):
        if not kept or kept[-1].track_id != label.track_id or kept[-1].end_frame <= label.start_frame:
            kept.append(label)
    return tuple(kept)


def join_bouts(actions: tuple[ActionLabel, ...]) -> tuple[ActionLabel, ...]:
    """Non-overlapping actions, those joined that follow each other directly and are the same."""
    joined: list[ActionLabel] = []
    for label in sorted(actions, key=lambda a: (a.track_id, a.start_frame)):
        if joined and follows(joined[-1], label):
            label = ActionLabel(label.track_id, label.action, joined.pop().start_frame, label.end_frame)
        joined.append(label)
    return tuple(joined)


def follows(one: ActionLabel, following: ActionLabel) -> bool:
    """Whether an animal goes on with the same action in a second label, directly after the first."""
    return (one.track_id, one.action, one.end_frame) == (
        following.track_id,
        following.action,
        following.start_frame,
    )
