"""A web server on this machine that sends files as good and as bad servers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server has, and how it behaves.

    Attributes:
        files: Contents by path, such as `/a.npz`.
        ranges: Whether it sends a part of a file where a part is asked for.
        version: ETag of all files; none is sent if empty.
        cuts: The connection breaks after so many bytes; one entry is used up by each request.
        statuses: Answered instead of the file; one entry is used up by each request.
        headers: Sent with every file.
        chunked: Whether sizes are kept back.
        pause: Seconds between two pieces of 64 KB.
        asked: The Range headers of the requests so far.
    """

    files: dict[str, bytes]
    ranges: bool = True
    version: str = '"1"'
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    pause: float = 0
    asked: list[str | None] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(site: Site) -> Iterator[str]:
    """Runs the server; yields its address, such as `http://127.0.0.1:8000`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(site, self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _answer(site: Site, request: BaseHTTPRequestHandler) -> None:
    wanted = request.headers["Range"]
    site.asked.append(wanted)
    content = site.files.get(request.path)
    status = site.statuses.pop(0) if site.statuses else 200 if content is not None else 404
    if content is None or status != 200:
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    start = 0
    unchanged = request.headers["If-Range"] in (None, site.version)
    if wanted and site.ranges and unchanged:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206)
        end = len(content) - 1
        request.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
    else:
        request.send_response(200)
    if site.version:
        request.send_header("ETag", site.version)
    for name, value in site.headers.items():
        request.send_header(name, value)
    rest = content[start:]
    if site.chunked:
        request.send_header("Transfer-Encoding", "chunked")
    else:
        request.send_header("Content-Length", str(len(rest)))
    request.end_headers()
    _send(site, request, rest)


def _send(site: Site, request: BaseHTTPRequestHandler, rest: bytes) -> None:
    cut = site.cuts.pop(0) if site.cuts else len(rest)
    for start in range(0, min(cut, len(rest)), 65_536):
        piece = rest[start : min(start + 65_536, cut)]
        if site.chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        try:
            request.wfile.write(piece)
        except OSError:
            break
        time.sleep(site.pause)
    else:
        if cut >= len(rest):
            if site.chunked:
                request.wfile.write(b"0\r\n\r\n")
            return
    request.close_connection = True
