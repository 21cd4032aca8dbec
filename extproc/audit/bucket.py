"""A bucket of S3-compatible storage, through `boto3`: objects that are written once, and one that is replaced.

Nothing is ever deleted, and nothing overwritten unseen: each write says on which condition it is one, and a store that does not
heed that is not used. What the store says is repeated nowhere but for its error code.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from extproc.audit.orders import Task

_PATIENCE: Final = {"connect_timeout": 3, "read_timeout": 20, "retries": {"total_max_attempts": 1, "mode": "standard"}}
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,64}")
_ABSENT: Final = frozenset({"NoSuchKey", "404"})
_PRECONDITION: Final = 412


class Away(Exception):
    """The store does not answer, or does not do it; it may later."""


class Conflict(Exception):
    """Something else lies where ours belongs, or it would be overwritten: somebody has to see to it."""


class Bucket:
    """One bucket, and the keys in it that begin with a task's prefix. Every method blocks and raises `Away`."""

    def __init__(self, client: Any, bucket: str, prefix: str, *, locked: float | None = None) -> None:
        """Take the client. With `locked`, nobody may change or delete what is written for so many seconds."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._locked = None if locked is None else timedelta(seconds=locked)
        self._heeds = False

    @classmethod
    def open(cls, task: Task) -> Bucket:
        """Return the bucket that a task names, not asked yet. Without a key in the task AWS's own chain says who asks."""
        try:
            client = boto3.client(
                "s3",
                region_name=task.region,
                endpoint_url=task.endpoint,
                aws_access_key_id=task.access_key,
                aws_secret_access_key=task.secret_key,
                config=Config(s3={"addressing_style": "path" if task.endpoint else "auto"}, **_PATIENCE),
            )
        except (BotoCoreError, ValueError) as error:
            raise Away(f"cannot be used ({type(error).__name__})") from error
        return cls(client, task.bucket, task.prefix, locked=task.locked)

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return an object's bytes and its version tag, None where there is none."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            return found["Body"].read(), found["ETag"]
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise Away(_code(error)) from error
        except BotoCoreError as error:
            raise Away(type(error).__name__) from error

    def put(self, name: str, content: bytes) -> None:
        """Write an object that is never to change; where it is there already it must be the same. Raises `Conflict`."""
        if self._write(name, content, IfNoneMatch="*") is None:
            there = self.get(name)
            if there is None or there[0] != content:
                raise Conflict(f"{name} is there already, and is another")
            self._heeds = True
        elif not self._heeds:
            if self._write(name, content, IfNoneMatch="*") is not None:
                raise Conflict("this store overwrites what it should not (If-None-Match); nothing is written there")
            self._heeds = True

    def replace(self, name: str, content: bytes, old: str | None) -> str:
        """Write an object in the place of the one with the version tag `old`; return the new tag.

        Raises `Away` where another has taken its place meanwhile.
        """
        tag = self._write(name, content, **({"IfNoneMatch": "*"} if old is None else {"IfMatch": old}))
        if tag is None:
            raise Away(f"{name} was replaced meanwhile")
        return tag

    def _write(self, name: str, content: bytes, **condition: str) -> str | None:
        """Return the version tag of what was written; None where the condition does not hold."""
        lock: dict[str, Any] = {}
        if self._locked is not None:
            lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime.now(UTC) + self._locked}
        try:
            written = self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=content, ContentType=_kind(name), **condition, **lock
            )
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _PRECONDITION:
                return None
            raise Away(_code(error)) from error
        except BotoCoreError as error:
            raise Away(type(error).__name__) from error
        return str(written["ETag"])


def _kind(name: str) -> str:
    return "text/plain; charset=utf-8" if name.endswith("/checkpoint") else "application/octet-stream"


def _code(error: ClientError) -> str:
    found = str(error.response.get("Error", {}).get("Code", ""))
    return found if _CODE.fullmatch(found) else "an unknown error"
