"""S3-compatible storage on a free loopback port: `moto` as a server, which can go away and come back with all that it had."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from extproc.audit.bucket import Bucket
from extproc.audit.orders import Task
from support.ports import free_port

REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "of-a-test", "the-key-to-the-store"


class ObjectStore:
    """The server, its buckets, and what is in them."""

    def __init__(self) -> None:
        self.port = free_port()
        self._server: Any = None
        self.come()
        self.client = boto3.client(
            "s3", region_name=REGION, endpoint_url=self.url, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def come(self) -> None:
        """Answer."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def go(self) -> None:
        """Answer nobody; nothing is forgotten."""
        self._server.stop()

    def bucket(self, name: str, *, lockable: bool = False) -> str:
        """Make a bucket; return its name."""
        self.client.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"LocationConstraint": REGION},
            ObjectLockEnabledForBucket=lockable,
        )
        return name

    def task(self, directory: Path, bucket: str, worker: str = "w", *, prefix: str = "r/", locked: float | None = None) -> Task:
        """Return what has the log of `worker` mirrored to `bucket`."""
        return Task(
            directory=str(directory),
            worker=worker,
            bucket=bucket,
            prefix=prefix,
            every=0.05,
            endpoint=self.url,
            region=REGION,
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            locked=locked,
        )

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """Return everything in a bucket below `prefix`, by what follows it."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        names = [each["Key"] for page in pages for each in page.get("Contents", ())]
        return {name.removeprefix(prefix): self.client.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}

    def download(self, bucket: str, folder: Path, prefix: str = "r/") -> Path:
        """Copy everything below `prefix` to `folder`, as `aws s3 sync` does."""
        for name, content in self.objects(bucket, prefix).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run one until the block ends, without what another had."""
    store = ObjectStore()
    httpx.post(f"{store.url}/moto-api/reset", trust_env=False).raise_for_status()
    try:
        yield store
    finally:
        store.client.close()
        store.go()


class Spied(Bucket):
    """A bucket whose writes are noted in `written`, and told to `before` before they are done."""

    def __init__(self, bucket: Bucket, before: Callable[[str], None] = lambda _name: None) -> None:
        super().__init__(bucket._client, bucket._bucket, bucket._prefix, locked=None)
        self.written: list[str] = []
        self._before = before

    def _write(self, name: str, content: bytes, **condition: str) -> str | None:
        self._before(name)
        self.written.append(name)
        return super()._write(name, content, **condition)
