"""A command's side of the control API: the token from a file, one request, and the answer or an `Error` that says why not."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from extproc.config import load
from extproc.config.types import Config
from extproc.errors import ConfigError, Denied, Error
from extproc.secret import Secret, SecretFile

_TIMEOUT: Final = 150.0
"""Seconds: an answer takes longest where much was written since somebody asked what is on record, and then Envoy gives up."""


class _Refusal(msgspec.Struct):
    error: str
    message: str
    exchange: str


class Client:
    """The control API at `url`, asked as the bearer of `token`. `ca` verifies an https one, in place of the system's."""

    def __init__(self, url: str, token: Secret, ca: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._ca = ca

    @classmethod
    def create(cls, config: Path, token_file: Path, *, url: str | None = None, ca: Path | None = None) -> Client:
        """Return a client of the API at `url`, or else of the one that the configuration names. Raises `ConfigError`."""
        return cls(url or control_url(load(config)), SecretFile(path=token_file).load(), ca)

    def post(self, path: str, document: Any) -> Any:
        """Send `document` as JSON and return the answer, read. Raises `Denied` for a refusal, `ConfigError` for no answer."""
        try:
            credential = f"Bearer {self._token.reveal().decode('ascii')}"
            verify = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
            with httpx.Client(verify=verify, timeout=_TIMEOUT, trust_env=False) as client:
                response = client.post(f"{self._url}{path}", json=document, headers={"authorization": credential})
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ConfigError(f"{self._url}: the control API does not answer ({type(error).__name__}); is it there?") from error
        except ValueError as error:
            raise ConfigError("the token file does not hold one token") from error
        return _read(response)


def control_url(config: Config) -> str:
    """Return where people reach the control API of this configuration. Raises `ConfigError` where it has none."""
    if config.control is None:
        raise ConfigError("the configuration has no `control`; name an address to listen on, or give --url")
    if config.control.url:
        return str(config.control.url)
    secure = config.control.tls is not None and config.control.tls.certificate is not None
    return f"{'https' if secure else 'http'}://{config.control.listen}"


def _read(response: httpx.Response) -> Any:
    if response.is_success:
        try:
            return msgspec.json.decode(response.content)
        except msgspec.MsgspecError as error:
            raise ConfigError("what answers is not the control API") from error
    try:
        refusal = msgspec.json.decode(response.content, type=_Refusal)
    except msgspec.MsgspecError as error:
        raise Error(f"the control API answered {response.status_code}") from error
    raise Denied(f"{refusal.message} ({refusal.error}, exchange {refusal.exchange})", code=refusal.error)
