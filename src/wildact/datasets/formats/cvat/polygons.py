"""Polygons between two keyframes, as CVAT interpolates them.

The points of the two polygons need not be as many. CVAT walks along both outlines, measured as shares of
their lengths, lets each point of one move to the nearest of the other, and thins out the result where one
outline has more points than the other.

Reference: CVAT, "Shape mode / track mode: interpolation of polygons", and its server's track manager.
"""

from __future__ import annotations

import numpy as np

from wildact.types import Float64, Int64


def interpolate_polygon(left: Float64, right: Float64, share: float) -> Float64:
    """The polygon at a share of the time between two.

    Args:
        left: (P, 2) points of the earlier keyframe.
        right: (Q, 2) points of the later one.
        share: 0 at ``left``, 1 at ``right``.

    Returns:
        (R, 2) points.
    """
    left, right = np.vstack([left, left[:1]]), np.vstack([right, right[:1]])  # back to the first point
    partners = _match(_shares(left), _shares(right))
    origins = np.repeat(np.arange(len(left)), [len(of_point) for of_point in partners])
    goals = np.concatenate(partners)
    points = left[origins] + (right[goals] - left[origins]) * share
    return _thin(points, partners, left, right)[:-1]


def _shares(points: Float64) -> Float64:
    """(P,) length of the outline up to each point, as a share of all of it."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return lengths / lengths[-1] if lengths[-1] > 0 else lengths


def _match(left: Float64, right: Float64) -> list[Int64]:
    """For each point of the left outline the points of the right one that it moves to, in order."""
    distance = np.abs(left[:, None] - right[None, :])
    partners = [[int(k)] for k in distance.argmin(axis=1)]
    matched = {k for (k,) in partners}
    for k in range(len(right)):
        if k not in matched:
            partners[int(distance[:, k].argmin())].append(k)
    return [np.array(sorted(of_point), np.int64) for of_point in partners]


def _thin(points: Float64, partners: list[Int64], left: Float64, right: Float64) -> Float64:
    """Take away points that lie closer together than half the mean distance on the denser outline."""
    starts = np.concatenate([[0], np.cumsum([len(of_point) for of_point in partners])])
    kept: list[Float64] = []
    run: int | None = None  # first of the left points that move one to one, not yet kept

    def close(stop: int) -> None:
        """Keep the run of left points up to ``stop``."""
        if run is not None:
            kept.append(_thin_part(points[starts[run] : starts[stop] + 1], left[run : stop + 1]))

    for k, of_point in enumerate(partners):
        if len(of_point) > 1:
            close(k - 1)
            run = None
            source = right[of_point[0] : of_point[-1] + 1]
            kept.append(_thin_part(points[starts[k] : starts[k + 1]], source))
        elif run is None:
            run = k
        elif of_point[0] != partners[run][0]:
            close(k - 1)
            run = k
    close(len(partners) - 1)
    return np.concatenate(kept)


def _thin_part(points: Float64, source: Float64) -> Float64:
    """Thin out the points of a part; ``source`` are those of the denser outline from which they come."""
    if len(points) == 1:
        return points
    length = np.hypot(*np.diff(source, axis=0).T).sum()
    nearest = length / (2 * len(source))
    kept = [points[0]]
    for point in points[1:-1]:
        if np.hypot(*(point - kept[-1])) >= nearest:
            kept.append(point)
    kept.append(points[-1])
    if len(kept) == 2 and np.hypot(*(kept[1] - kept[0])) < nearest:
        return np.asarray([kept[0] + kept[1]], np.float64) / 2
    return np.stack(kept)
