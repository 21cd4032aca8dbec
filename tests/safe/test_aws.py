"""Secrets out of AWS Secrets Manager, through `boto3` against `moto`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from extproc.config.forms import Url
from extproc.config.keepers import Aws as Configured
from extproc.errors import SecretMissing
from extproc.safe import KeeperAway
from extproc.safe.aws import Aws
from extproc.secret import SecretAws
from support.ports import free_port

REGION = "eu-central-1"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a client of a made-up service."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "of-a-test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with mock_aws():
        yield boto3.client("secretsmanager", region_name=REGION)


def fetch(name: str, key: str | None = None) -> bytes:
    """Look one up."""
    return Aws.open(Configured(region=REGION)).fetch(SecretAws(name=name, key=key))


def test_a_member_of_a_json_secret_and_a_whole_one(service: Any) -> None:
    """With a key the secret is a JSON object, without one it is all of the text, or the bytes."""
    service.create_secret(Name="kb/keys", SecretString=json.dumps({"chroma": "the-key"}))
    service.create_secret(Name="kb/plain", SecretString="the-key-itself")
    service.create_secret(Name="kb/bytes", SecretBinary=b"\x00\x01")

    assert [fetch("kb/keys", "chroma"), fetch("kb/plain"), fetch("kb/bytes")] == [b"the-key", b"the-key-itself", b"\x00\x01"]


def test_the_version_that_is_current_is_taken(service: Any) -> None:
    """A rotated secret gives its new value at the next look."""
    service.create_secret(Name="kb", SecretString="one")
    assert fetch("kb") == b"one"
    service.put_secret_value(SecretId="kb", SecretString="two")

    assert fetch("kb") == b"two"


@pytest.mark.parametrize(
    ("name", "key"), [("none", None), ("plain", "chroma"), ("keys", "none"), ("keys", "number"), ("list", "0"), ("gone", None)]
)
def test_what_is_not_there_is_missing(service: Any, name: str, key: str | None) -> None:
    """No such secret, no such member, a member that is no text, one that is being deleted."""
    service.create_secret(Name="plain", SecretString="x")
    service.create_secret(Name="keys", SecretString=json.dumps({"chroma": "k", "number": 1}))
    service.create_secret(Name="list", SecretString="[1]")
    service.create_secret(Name="gone", SecretString="x")
    service.delete_secret(SecretId="gone")

    with pytest.raises(SecretMissing, match=f"aws:{name}"):
        fetch(name, key)


def test_nobody_there_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer does not say that the secret is gone."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of-a-test")
    endpoint = Url(scheme="http", host="127.0.0.1", port=free_port())

    with pytest.raises(KeeperAway):
        Aws.open(Configured(region=REGION, endpoint=endpoint)).fetch(SecretAws(name="kb", key=None))


def test_no_region_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither the configuration nor AWS's own names a region, there is no service to ask."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")

    with pytest.raises(KeeperAway, match="region"):
        Aws.open(Configured())
