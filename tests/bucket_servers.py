"""Real servers of buckets on loopback, in processes that can be killed, and forget all then."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import pytest

from tests.conftest import PATIENCE

BUCKET = "bench"


class BucketServer:
    """A server with one bucket, which backends find by the variables of its environment.

    Attributes:
        port: Where it listens.
        place: Its address.
        environment: Those variables.
        scheme: The protocol of its URLs.
        packages: What must be installed.
        no_bucket: What is said of a bucket that is not there.
        away: What is said where nothing listens.
        serve: Runs it, on the port that is its argument.
    """

    scheme: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    no_bucket: ClassVar[str]
    away: ClassVar[str]
    serve: ClassVar[str]
    environment: dict[str, str]

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.place = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Comes up, empty but for the bucket."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.serve, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        self.make_bucket()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def url(self, prefix: str, bucket: str = BUCKET) -> str:
        """The URL of what lies below a prefix."""
        return f"{self.scheme}://{bucket}/{prefix}"

    def make_bucket(self) -> None:
        """Makes the bucket."""
        raise NotImplementedError

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Every object by its name without the prefix."""
        raise NotImplementedError

    def put(self, name: str, content: bytes) -> None:
        raise NotImplementedError

    def delete(self, name: str) -> None:
        raise NotImplementedError


class S3Server(BucketServer):
    """moto's server, looked at by Amazon's own client: a second implementation."""

    scheme = "s3"
    packages = ("moto", "flask", "s3fs", "boto3")
    no_bucket = "The specified bucket does not exist"
    away = "Could not connect"
    serve = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"

    def __init__(self) -> None:
        super().__init__()
        self.environment = {
            "AWS_ENDPOINT_URL": self.place,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "geheim",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def _client(self) -> Any:
        import boto3

        names = {"aws_access_key_id": "testing", "aws_secret_access_key": "geheim"}
        place = {"endpoint_url": self.place, "region_name": "us-east-1"}
        return boto3.session.Session().client("s3", **names, **place)

    def make_bucket(self) -> None:
        self._client.create_bucket(Bucket=BUCKET)

    def objects(self, prefix: str) -> dict[str, bytes]:
        client = self._client
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            one["Key"].removeprefix(prefix).lstrip("/"): client.get_object(
                Bucket=BUCKET, Key=one["Key"]
            )["Body"].read()
            for one in listed
        }

    def put(self, name: str, content: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=name, Body=content)

    def delete(self, name: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=name)


class GoogleServer(BucketServer):
    """gcp-storage-emulator, looked at by Google's own client: a second implementation."""

    scheme = "gs"
    packages = ("gcp_storage_emulator", "gcsfs", "google.cloud.storage")
    no_bucket = "there is no such bucket at http://127.0.0.1"
    away = "Cannot connect"
    serve = (
        "import sys; from gcp_storage_emulator.__main__ import main; "
        "main(['start', '--host', '127.0.0.1', '--port', sys.argv[1], '--in-memory'])"
    )

    def __init__(self) -> None:
        super().__init__()
        self.environment = {
            "STORAGE_EMULATOR_HOST": self.place,
            "NO_GCE_CHECK": "true",  # nobody is asked whether this machine is Google's
            "CLOUDSDK_CONFIG": os.devnull,  # nor is this user's account taken
        }

    @cached_property
    def _client(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        options = {"api_endpoint": self.place}
        return storage.Client("test", AnonymousCredentials(), client_options=options)

    def make_bucket(self) -> None:
        self._client.create_bucket(BUCKET)

    def objects(self, prefix: str) -> dict[str, bytes]:
        listed = self._client.list_blobs(BUCKET, prefix=prefix)
        return {
            one.name.removeprefix(prefix).lstrip("/"): one.download_as_bytes() for one in listed
        }

    def put(self, name: str, content: bytes) -> None:
        self._client.bucket(BUCKET).blob(name).upload_from_string(content)

    def delete(self, name: str) -> None:
        self._client.bucket(BUCKET).blob(name).delete()


SERVERS: tuple[type[BucketServer], ...] = (S3Server, GoogleServer)


@contextlib.contextmanager
def serving(kind: type[BucketServer]) -> Iterator[BucketServer]:
    """A server while the block runs; the test is skipped where there is none to start."""
    for package in kind.packages:
        pytest.importorskip(package, reason=f"{package} is not installed")
    server = kind()
    before = {name: os.environ.get(name) for name in server.environment}
    os.environ.update(server.environment)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
