"""AWS Secrets Manager: the current version of a secret, or one value of it where it is a JSON object.

It asks with `boto3`, whose own chain says who asks. Nothing that AWS says is repeated in an error.
"""

from __future__ import annotations

import json
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from extproc.config.keepers import Aws as Configured
from extproc.errors import SecretMissing
from extproc.safe import Distant, KeeperAway
from extproc.secret import SecretAws

_SETTINGS: Final = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
_GONE: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""There is none of the name, or it is marked for deletion."""


class Aws:
    """The service in one region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @classmethod
    def open(cls, config: Configured) -> Aws:
        """Return the configured service, not asked yet. Raises `KeeperAway` where AWS's own configuration names no region."""
        endpoint = str(config.endpoint) if config.endpoint else None
        try:
            return cls(boto3.client("secretsmanager", region_name=config.region, endpoint_url=endpoint, config=_SETTINGS))
        except (BotoCoreError, ValueError) as error:
            raise KeeperAway(f"secrets.aws: cannot be used ({type(error).__name__}); name a region") from error

    def fetch(self, reference: Distant) -> bytes:
        """Return the value, blocking. Raises `SecretMissing`, `KeeperAway`."""
        if not isinstance(reference, SecretAws):
            raise SecretMissing(str(reference))
        try:
            answer = self._client.get_secret_value(SecretId=reference.name)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _GONE:
                raise SecretMissing(str(reference)) from error
            raise KeeperAway(f"{reference}: AWS does not give it ({type(error).__name__})") from error
        except BotoCoreError as error:
            raise KeeperAway(f"{reference}: AWS does not answer ({type(error).__name__})") from error
        value = _value(answer, reference.key)
        if not value:
            raise SecretMissing(str(reference))
        return value


def _value(answer: dict[str, Any], key: str | None) -> bytes:
    """Return the secret, or its member `key`; nothing where it has none of text."""
    if key is None:
        binary = answer.get("SecretBinary")
        return binary if isinstance(binary, bytes) else str(answer.get("SecretString", "")).encode()
    try:
        document = json.loads(answer.get("SecretString", ""))
    except ValueError:
        return b""
    found = document.get(key) if isinstance(document, dict) else None
    return found.encode() if isinstance(found, str) else b""
