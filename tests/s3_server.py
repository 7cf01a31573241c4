"""A real S3 server on loopback, in a process of its own: it can be killed, and forgets all then."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

SERVE = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
BUCKET = "bench"


class S3Server:
    """moto's server, which botocore finds by the variables of its environment."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "geheim",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self.start()

    def start(self) -> None:
        """Comes up, empty but for the bucket."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        self.client.create_bucket(Bucket=BUCKET)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def client(self) -> Any:
        """Amazon's own client: a second implementation of what is looked at."""
        import boto3

        names = {"aws_access_key_id": "testing", "aws_secret_access_key": "geheim"}
        place = {"endpoint_url": self.environment["AWS_ENDPOINT_URL"], "region_name": "us-east-1"}
        return boto3.session.Session().client("s3", **names, **place)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """Every object by its name without the prefix."""
        client = self.client
        listed = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return {
            one["Key"].removeprefix(prefix).lstrip("/"): client.get_object(
                Bucket=BUCKET, Key=one["Key"]
            )["Body"].read()
            for one in listed
        }

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=name, Body=content)


@contextlib.contextmanager
def serving() -> Iterator[S3Server]:
    """A server while the block runs; the test is skipped where there is none to start."""
    for package in ("moto", "flask", "s3fs", "boto3"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    server = S3Server()
    before = {name: os.environ.get(name) for name in server.environment}
    os.environ.update(server.environment)
    try:
        yield server
    finally:
        server.kill()
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
