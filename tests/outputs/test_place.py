"""Files between a cache and a URL: real servers of buckets, a shared folder, refusals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import sftp_server
from tests.bucket_servers import SERVERS, BucketServer, serving
from tests.conftest import PATIENCE
from vaebench.errors import AwayError, OutputError, UsageError, VaebenchError
from vaebench.outputs import Outputs
from vaebench.outputs.courier import SILENCE_SECONDS, courier

NAME = "models/0123456789abcdef.pt"


def other_machine(outputs: Outputs, folder: Path) -> Outputs:
    """The same URL, with a cache that is empty."""
    return replace(outputs, folder=folder)


def write(outputs: Outputs, content: bytes, name: str = NAME) -> None:
    (outputs.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (outputs.folder / name).write_bytes(content)


@pytest.fixture(scope="module", params=[None, "sftp", *SERVERS], ids=["file", "sftp", "s3", "gs"])
def server(request: pytest.FixtureRequest) -> Iterator[BucketServer | str | None]:
    """A server of buckets; `sftp`, or none for a shared folder, are no such."""
    if request.param in (None, "sftp"):
        yield request.param
        return
    with serving(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sftp_server.serving(tmp_path_factory.mktemp("sftp")) as url:
        yield url


@pytest.fixture
def outputs(request: pytest.FixtureRequest, server: Any, tmp_path: Path) -> Outputs:
    if server is None:
        return Outputs.at((tmp_path / "shared" / "runs").as_uri())
    if server == "sftp":
        return Outputs.at(f"{request.getfixturevalue('sftp')}/{tmp_path.name}/runs")
    return Outputs.at(f"{server.url(tmp_path.name)}/")


def test_what_one_machine_publishes_another_one_gets(outputs: Outputs, tmp_path: Path) -> None:
    there = other_machine(outputs, tmp_path / "there")
    assert not there.fetch(NAME).exists()
    write(outputs, b"one" * 1000)
    outputs.publish(NAME)
    assert there.fetch(NAME).read_bytes() == b"one" * 1000
    write(outputs, b"two" * 2000)  # of another size: SFTP counts time in seconds
    outputs.publish(NAME)
    assert there.fetch(NAME).read_bytes() == b"two" * 2000
    assert there.sizes("models") == {"0123456789abcdef.pt": 6000}
    outputs.forget(NAME)
    outputs.finish(PATIENCE)
    assert there.sizes("models") == {}
    assert there.fetch(NAME).read_bytes() == b"two" * 2000


def test_what_is_the_same_there_is_not_fetched_again(outputs: Outputs, tmp_path: Path) -> None:
    """So that a checkpoint that went further while the URL was away is not replaced."""
    there = other_machine(outputs, tmp_path / "there")
    write(outputs, b"published")
    outputs.publish(NAME)
    there.fetch(NAME)
    for machine in (outputs, there):
        write(machine, b"went further")
        assert machine.fetch(NAME).read_bytes() == b"went further"


def test_what_is_here_is_kept_where_it_is_better(outputs: Outputs, tmp_path: Path) -> None:
    there = other_machine(outputs, tmp_path / "there")
    write(outputs, b"7")
    outputs.publish(NAME)

    def further(here: Path, published: Path) -> bool:
        return int(here.read_text()) >= int(published.read_text())

    write(there, b"9")
    assert there.fetch(NAME, keep=further).read_text() == "9"
    write(outputs, b"11")
    outputs.publish(NAME)
    assert there.fetch(NAME, keep=further).read_text() == "11"
    assert sorted(entry.name for entry in (there.folder / "models").glob("*.part")) == []


def test_what_a_killed_process_left_goes_with_the_file(tmp_path: Path) -> None:
    outputs = Outputs.at((tmp_path / "shared").as_uri())
    write(outputs, b"whole")
    outputs.publish(NAME)
    (tmp_path / "shared" / "models" / ".0123456789abcdef.pt-0a1b.part").write_bytes(b"ha")
    assert outputs.sizes("models") == {"0123456789abcdef.pt": 5}
    outputs.forget(NAME)
    assert outputs.finish(PATIENCE) is None
    assert list((tmp_path / "shared" / "models").iterdir()) == []


def test_a_local_folder_needs_nothing(tmp_path: Path) -> None:
    local = Outputs.at(tmp_path / "results")
    assert (local.folder, local.url) == (tmp_path / "results", None)
    local.check()
    local.publish(NAME)
    local.forget(NAME)
    assert local.fetch(NAME) == tmp_path / "results" / NAME
    assert local.sizes("models") == {}
    write(local, b"1234")
    assert local.sizes("models") == {"0123456789abcdef.pt": 4}
    assert not (tmp_path / "cache").exists()


def test_the_newest_of_what_waits_is_published_and_takes_no_time(
    bucket: BucketServer, tmp_path: Path
) -> None:
    outputs = Outputs.at(bucket.url(tmp_path.name))
    for number in range(50):
        write(outputs, b"%d" % number)
        outputs.publish_later(NAME)
    outputs.finish(PATIENCE)
    assert bucket.objects(tmp_path.name) == {NAME: b"49"}
    assert outputs.courier.trouble is None


def test_a_server_that_is_away(tmp_path: Path, bucket: BucketServer) -> None:
    """What is here is used; what is not is an error; once it is back, all is as before."""
    outputs = Outputs.at(bucket.url(tmp_path.name))
    there = other_machine(outputs, tmp_path / "there")
    write(outputs, b"here")
    outputs.publish(NAME)
    bucket.kill()
    try:
        assert outputs.fetch(NAME).read_bytes() == b"here"
        with pytest.raises(AwayError, match=rf"{bucket.url('')}\S+ cannot be reached \("):
            there.fetch(NAME)
        waits: list[str] = []
        with pytest.raises(AwayError, match="not for 5 seconds"):
            outputs.publish(NAME, patience=5, on_wait=waits.append)
        assert waits
        outputs.publish_later(NAME)
        outputs.finish(PATIENCE)
        assert "127.0.0.1" in (outputs.courier.trouble or "")
    finally:
        bucket.start()
    assert not there.fetch(NAME).exists()  # it came back empty
    outputs.publish_later(NAME)
    outputs.finish(PATIENCE)
    assert outputs.courier.trouble is None
    assert there.fetch(NAME).read_bytes() == b"here"


def test_an_errand_whose_process_is_killed_is_done_by_another(outputs: Outputs) -> None:
    write(outputs, b"here")
    outputs.check()
    process = courier(str(outputs.url))._child
    assert process is not None
    process.kill()
    process.wait()
    outputs.publish(NAME)
    assert "0123456789abcdef.pt" in outputs.sizes("models")


def of_amazon(code: str) -> str:
    return f"<Error><Code>{code}</Code><Message>Said by {code}</Message></Error>"


def of_google(code: str) -> str:
    return json.dumps({"error": {"message": f"Said by {code}", "errors": [{"reason": code}]}})


@contextlib.contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """A server that answers every request with an error."""
    body = text.encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        close_connection = True

        def handle_expect_100(self) -> bool:
            self.answer()
            return False

        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        def log_message(self, *words: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def at(scheme: str, folder: Path) -> str:
    """A URL that no other test has, whose process to speak to it would have an old environment."""
    backend = {"s3": "s3fs", "gs": "gcsfs"}[scheme]
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    return f"{scheme}://bench/{folder.name}"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has backends speak to a place with made-up credentials."""

    def use(place: str) -> None:
        for name in ("AWS_ENDPOINT_URL", "STORAGE_EMULATOR_HOST"):
            monkeypatch.setenv(name, place)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        monkeypatch.setenv("CLOUDSDK_CONFIG", os.devnull)

    return use


@pytest.mark.parametrize(
    ("scheme", "status", "text"),
    [
        ("s3", 403, of_amazon("AccessDenied")),
        ("s3", 403, of_amazon("InvalidAccessKeyId")),
        ("s3", 403, of_amazon("SignatureDoesNotMatch")),
        ("s3", 507, of_amazon("InsufficientStorage")),
        ("s3", 507, of_amazon("XMinioStorageFull")),
        ("gs", 401, of_google("authError")),
        ("gs", 403, of_google("forbidden")),
        ("gs", 403, of_google("accountDisabled")),
        ("gs", 507, "Said by the disk of an emulator"),
    ],
)
def test_a_refusal_is_a_line_that_names_it(
    scheme: str,
    status: int,
    text: str,
    credentials: Callable[[str], None],
    tmp_path: Path,
) -> None:
    url = at(scheme, tmp_path)
    with answering(status, text) as place:
        credentials(place)
        with pytest.raises(OutputError) as told:
            Outputs.at(url).check()
    line = str(told.value)
    assert not isinstance(told.value, AwayError)
    assert line.startswith(f"{url} cannot be used (")
    said = re.search(r"Said by [\w ]+", text)
    assert said is not None
    assert said[0] in line
    assert "geheim" not in line
    assert "\n" not in line


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_may_be_asked_again(
    status: int, credentials: Callable[[str], None], tmp_path: Path
) -> None:
    """At once: gcsfs would ask again by itself, for half a minute."""
    url = at("gs", tmp_path)
    with answering(status, of_google("backendError")) as place:
        credentials(place)
        with pytest.raises(AwayError, match=r"cannot be reached \(Said by backendError\)"):
            Outputs.at(url).check()


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_server_that_says_nothing_is_given_up(
    scheme: str,
    credentials: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = at(scheme, tmp_path)
    monkeypatch.setitem(SILENCE_SECONDS, "check", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        credentials(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(AwayError, match=r"cannot be reached \(it does not answer\)"):
            Outputs.at(url).check()


def test_a_wrong_password_is_no_matter_of_patience(sftp: str) -> None:
    wrong = sftp.replace(sftp_server.PASSWORD, "falsches")
    with pytest.raises(OutputError, match="Authentication failed") as told:
        Outputs.at(f"{wrong}/x").check()
    assert not isinstance(told.value, AwayError)
    assert "falsches" not in str(told.value)


def test_no_such_bucket(bucket: BucketServer) -> None:
    url = bucket.url("x", "nowhere")
    with pytest.raises(OutputError, match=rf"{url} cannot be used \({bucket.no_bucket}"):
        Outputs.at(url).check()


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot be used \(.*Not a directory"):
        Outputs.at((tmp_path / "file" / "runs").as_uri()).check()


def test_a_backend_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were not: a process that is started now finds no paramiko."""
    (tmp_path / "paramiko.py").write_text("raise ModuleNotFoundError('No module named paramiko')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match=r"sftp://.*pip install 'vaebench\[sftp\]'"):
        Outputs.at(f"sftp://host/{tmp_path.name}").check()


@pytest.mark.parametrize("url", ["nonsense://x/y", "s4://bucket/runs"])
def test_a_protocol_that_does_not_exist(url: str) -> None:
    with pytest.raises(UsageError, match="is no protocol of outputs: they are s3, gs, sftp, file"):
        Outputs.at(url).check()


def test_no_password_is_shown_or_kept_in_a_name(cache: Path) -> None:
    first = Outputs.at("sftp://anna:geheim@host/runs")
    assert str(first) == "sftp://anna:***@host/runs"
    assert first.folder == Outputs.at("sftp://anna:anderes@host/runs/").folder
    assert first.folder.parent == cache / "outputs"
    with pytest.raises(VaebenchError) as told:
        replace(first, url="sftp://anna:geheim@127.0.0.1:1/runs").check()
    assert "geheim" not in str(told.value)
