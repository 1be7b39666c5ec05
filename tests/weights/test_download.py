import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wildact.errors import UsageError, WeightsError
from wildact.weights import DOWNLOADABLE, download_weights

CONTENT = bytes(range(256)) * 4000  # about 1 MB
NOW = (0.0, 0.0)


class Server(ThreadingHTTPServer):
    """A file server that can be told to misbehave; remembers the ranges it was asked for."""

    content = CONTENT
    ranges = True
    drops = 0
    status = 200
    chunked = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        body, start = self.server.content, 0
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if wanted and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]  # ours always match
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if not self.server.chunked:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        part = body[start:]
        if self.server.drops:
            self.server.drops -= 1
            part = part[: len(part) // 2]
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a published file whose checksum is that of the server's content."""
    monkeypatch.setenv("WILDACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    digest = hashlib.sha256(CONTENT).hexdigest()
    card = DOWNLOADABLE["r3d_18"].model_copy(update={"file": "tiny.pth", "sha256": digest[:8]})
    monkeypatch.setitem(DOWNLOADABLE, "tiny", card)
    return tmp_path / "cache"


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_whole_file_with_progress_and_only_once(server: Server, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    url = server.url + "/some/tiny.pth"
    path = download_weights("tiny", url=url, progress=lambda done, total: seen.append((done, total)))
    assert path == cache / "tiny.pth"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert names(cache) == ["tiny.pth"]
    assert download_weights("tiny", url=url) == path
    assert server.asked == [("/some/tiny.pth", None)]


def test_mirror(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WILDACT_WEIGHTS_MIRROR", server.url + "/mirror/")
    assert download_weights("tiny").read_bytes() == CONTENT
    assert server.asked == [("/mirror/tiny.pth", None)]


def test_dropped_connection_goes_on_where_it_stopped(server: Server) -> None:
    server.drops = 2
    path = download_weights("tiny", url=server.url, retry_waits_s=NOW)
    assert path.read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert [r for _, r in server.asked] == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def test_later_call_goes_on_where_an_earlier_one_stopped(server: Server, cache: Path) -> None:
    server.drops = 1
    with pytest.raises(WeightsError, match="goes on where it stopped"):
        download_weights("tiny", url=server.url, retry_waits_s=())
    assert names(cache) == ["tiny.pth.part"]
    assert download_weights("tiny", url=server.url).read_bytes() == CONTENT
    assert server.asked[1][1] == f"bytes={len(CONTENT) // 2}-"


def test_server_without_ranges_starts_again(server: Server) -> None:
    server.drops, server.ranges = 1, False
    assert download_weights("tiny", url=server.url, retry_waits_s=NOW).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_server_that_does_not_say_the_length(server: Server) -> None:
    server.chunked = True
    seen: list[tuple[int, int]] = []
    path = download_weights("tiny", url=server.url, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), 0)


def test_part_that_is_already_whole(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pth.part").write_bytes(CONTENT)
    assert download_weights("tiny", url=server.url).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_part_that_is_too_long_starts_again(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pth.part").write_bytes(CONTENT + b"more")
    assert download_weights("tiny", url=server.url, retry_waits_s=NOW).read_bytes() == CONTENT


def test_wrong_bytes_are_removed(server: Server, cache: Path) -> None:
    server.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match="is not that file"):
        download_weights("tiny", url=server.url)
    assert names(cache) == []


def test_damaged_cached_file_is_fetched_again(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pth").write_bytes(b"damaged")
    assert download_weights("tiny", url=server.url).read_bytes() == CONTENT


def test_not_found_is_not_tried_again(server: Server) -> None:
    server.status = 404
    with pytest.raises(WeightsError, match="the server answers 404 Not Found"):
        download_weights("tiny", url=server.url, retry_waits_s=NOW)
    assert len(server.asked) == 1


def test_overloaded_server_is_tried_again(server: Server) -> None:
    server.status = 503
    with pytest.raises(WeightsError, match="503"):
        download_weights("tiny", url=server.url, retry_waits_s=NOW)
    assert len(server.asked) == 3


def test_no_network() -> None:
    with pytest.raises(WeightsError, match=r"cannot be downloaded \(.*refused.*\): check the network"):
        download_weights("tiny", url="http://127.0.0.1:9/tiny.pth", retry_waits_s=NOW)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/tiny.pth", "tiny.pth"])
def test_only_http(url: str) -> None:
    with pytest.raises(UsageError, match="http or https"):
        download_weights("tiny", url=url)


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="known: maskrcnn_resnet50_fpn,"):
        download_weights("yolo")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_full_disk(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.pth.part").symlink_to("/dev/full")
    with pytest.raises(WeightsError, match="the disk is full"):
        download_weights("tiny", url=server.url)


def test_cache_that_cannot_be_made(server: Server, cache: Path) -> None:
    cache.write_text("a file stands where the folder should be")
    with pytest.raises(WeightsError, match="set WILDACT_CACHE"):
        download_weights("tiny", url=server.url)
