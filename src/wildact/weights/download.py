"""Download of published weights: only on request, resumable, checked before it is used."""

from __future__ import annotations

import errno
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from wildact.errors import UsageError, WeightsError
from wildact.weights.card import WeightCard
from wildact.weights.files import compute_sha256
from wildact.weights.find import cache_folder, find_cached
from wildact.weights.known import DOWNLOADABLE

Progress = Callable[[int, int], None]

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0
_RETRY_WAITS_S = (1.0, 3.0, 9.0)


class _DroppedError(Exception):
    """The transfer broke off; what has come so far is kept, and another try may go on from there."""


def download_weights(
    name: str,
    *,
    url: str | None = None,
    progress: Progress | None = None,
    retry_waits_s: tuple[float, ...] = _RETRY_WAITS_S,
) -> Path:
    """Fetch published weights into wildact's cache, unless they are already on this computer.

    A download that broke off goes on where it stopped, also in a later call. The file appears under its
    name only when it is whole and its checksum is right.

    Args:
        name: one of ``DOWNLOADABLE``.
        url: http(s) address of the file, instead of its own; without it, if ``$WILDACT_WEIGHTS_MIRROR`` is
            set, the file of the same name in that address.
        progress: called with bytes that are there and bytes in all (0: the server does not say).
        retry_waits_s: seconds to wait before each new try after a dropped connection.

    Returns:
        The file.

    Raises:
        UsageError: if the name is unknown or the address is not http(s).
        WeightsError: if the file cannot be fetched, is not what its card says, or cannot be written.
    """
    if name not in DOWNLOADABLE:
        raise UsageError(
            f"there are no weights called '{name}' to download; known: {', '.join(DOWNLOADABLE)}"
        )
    card = DOWNLOADABLE[name]
    cached = find_cached(card)
    if cached is not None and compute_sha256(cached).startswith(card.sha256):
        return cached
    target = cache_folder() / card.file
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(_address(card, url), part, progress, retry_waits_s)
        _check(part, card)
        part.replace(target)
    except OSError as error:
        raise _write_error(target, error) from error
    return target


def _address(card: WeightCard, url: str | None) -> str:
    mirror = os.environ.get("WILDACT_WEIGHTS_MIRROR")
    address = url or (f"{mirror.rstrip('/')}/{card.file}" if mirror else card.url) or ""
    if urlsplit(address).scheme not in ("http", "https"):
        raise UsageError(f"weights are downloaded from http or https addresses, not from '{address}'")
    return address


def _fetch(url: str, part: Path, progress: Progress | None, retry_waits_s: tuple[float, ...]) -> None:
    """Bring ``part`` to its full length, trying again after each of the waits."""
    for wait_s in (*retry_waits_s, None):
        try:
            _receive(url, part, progress)
        except _DroppedError as error:
            if wait_s is None:
                raise WeightsError(
                    f"{url} cannot be downloaded ({error}): check the network and run the same command "
                    "again, it goes on where it stopped"
                ) from error
            time.sleep(wait_s)
        else:
            return


def _receive(url: str, part: Path, progress: Progress | None) -> None:
    """One request for what is still missing of ``part``."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "wildact"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            # It is as long as the server's file, or longer and wrong: the total decides.
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink()
        elif error.code < 500 and error.code != http.HTTPStatus.TOO_MANY_REQUESTS:
            raise WeightsError(
                f"{url} cannot be downloaded: the server answers {error.code} {error.reason}"
            ) from error
        raise _DroppedError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _DroppedError(str(getattr(error, "reason", error))) from error
    with response:
        resumed = (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        have = have if resumed else 0
        _append(response, part, have, progress)


def _append(response: http.client.HTTPResponse, part: Path, have: int, progress: Progress | None) -> None:
    """Write the body of an answer to ``part`` from byte ``have`` on."""
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else 0
    with part.open("ab" if have else "wb") as file:
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise _DroppedError(f"the connection broke off after {have} bytes") from error
            if not chunk:
                break
            file.write(chunk)
            have += len(chunk)
            if progress is not None:
                progress(have, total)
    if have < total:
        raise _DroppedError(f"the connection broke off after {have} of {total} bytes")


def _check(part: Path, card: WeightCard) -> None:
    digest = compute_sha256(part)
    if not digest.startswith(card.sha256):
        part.unlink()
        raise WeightsError(
            f"what was downloaded as {card.file} is not that file: its sha256 begins {digest[:8]} and not "
            f"{card.sha256[:8]}; it was removed, try again or name another address"
        )


def _write_error(target: Path, error: OSError) -> WeightsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WeightsError(f"{target} cannot be written: the disk is full; make room, or set WILDACT_CACHE")
    return WeightsError(f"{target} cannot be written ({error}): set WILDACT_CACHE to a folder of yours")
