"""Scalars of `vecgate.yaml` that are more than text: sizes, durations, addresses, URLs, names. Pure.

A `Form` stands in a type hint (``Annotated[int, SIZE]``) and says for people what is expected, for the JSON Schema what the
text looks like, and how it becomes a value. No message of a form repeats what was written: it may be a misplaced secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import parse_qs, urlsplit

from extproc.decision import duration

_UNITS: Final = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE: Final = r"[0-9]{1,12}(B|KiB|MiB|GiB)?"
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MOST_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of text: `what` for people, `pattern` for the schema, `parse` to a value; its error holds no text."""

    what: str
    pattern: str
    parse: Callable[[str], object] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a listener binds: an IP address and a port."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """An http or https URL; `path` is empty where the form allows no path."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def authority(self) -> str:
        """Return host and port; the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrl:
    """A SQLite file, or a PostgreSQL database as SQLAlchemy names it, without a password."""

    path: Path | None = None
    url: str = ""

    def below(self, base: Path) -> StoreUrl:
        """Return the same with the file's path made absolute."""
        return self if self.path is None else StoreUrl(path=base / self.path)

    def __str__(self) -> str:
        return f"sqlite:///{self.path}" if self.path else self.url


def _store(text: str) -> StoreUrl:
    if text.startswith("sqlite:///"):
        return StoreUrl(path=Path(text.removeprefix("sqlite:///")))
    parts = urlsplit(text)
    if parts.password is not None or not parts.hostname or "password" in parse_qs(parts.query):
        raise ValueError
    return StoreUrl(url=text)


def _size(text: str) -> int:
    digits = text.rstrip("BKMGi")
    return int(digits) * _UNITS[text[len(digits) :]]


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not 1 <= int(port) <= _MOST_PORT:
        raise ValueError
    return Address(host=str(ipaddress.ip_address(host)), port=int(port))


def _url(text: str) -> Url:
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError
    if ":" in host:
        ipaddress.ip_address(host)
    elif not _HOST.fullmatch(host):
        raise ValueError
    port = _DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if port == 0:
        raise ValueError
    return Url(scheme=parts.scheme, host=host, port=port, path=parts.path)


def _base_url(text: str) -> Url:
    url = _url(text)
    if url.path not in {"", "/"}:
        raise ValueError
    return Url(scheme=url.scheme, host=url.host, port=url.port)


SIZE: Final = Form(what="a size such as 64MiB", pattern=_SIZE, parse=_size)
DURATION: Final = Form(what="a duration such as 10s or 24h", pattern=r"[0-9]{1,9}(ms|s|m|h|d)", parse=duration)
ADDRESS: Final = Form(
    what="an IP address and a port such as 127.0.0.1:8100",
    pattern=r"(localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]+",
    parse=_address,
)
BASE_URL: Final = Form(
    what="http:// or https://, a host and a port, without path, user or password",
    pattern=r"https?://[^/?#@\s]+/?",
    parse=_base_url,
)
URL: Final = Form(what="an http:// or https:// URL without user, password or query", pattern=r"https?://[^?#@\s]+", parse=_url)
STORE: Final = Form(
    what="sqlite:///PATH, or postgresql://USER@HOST/DATABASE without a password",
    pattern=r"sqlite:///[^?#\s]+|postgresql://[^#\s]+",
    parse=_store,
)
NAME: Final = Form(what="a name of a-z, 0-9 and -", pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HEADER: Final = Form(what="the name of a header in lower case", pattern=r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
HOST: Final = Form(what="the name of a host", pattern=_HOST.pattern)
AUTHORITY: Final = Form(what="a host, with its port where there is one", pattern=r"[A-Za-z0-9.\[\]:-]{1,260}")
ORIGIN: Final = Form(what="a name of letters, digits, dots, dashes and slashes", pattern=r"[A-Za-z0-9._/-]{1,128}")
ENTRYPOINT: Final = Form(
    what="the path of a rule such as vecgate/authz/decision", pattern=r"[a-z_][a-z0-9_]*(/[a-z_][a-z0-9_]*)+"
)
TEXT: Final = Form(what="text without spaces", pattern=r"[^\s]{1,512}")
VAULT_PATH: Final = Form(what="a path such as apps/vecgate", pattern=r"[A-Za-z0-9_.-]{1,128}(/[A-Za-z0-9_.-]{1,128}){0,15}")
IN_VAULT: Final = Form(
    what="a path and a key such as apps/vecgate#chroma", pattern=f"(?:{VAULT_PATH.pattern})#[A-Za-z0-9_.-]{{1,128}}"
)
IN_AWS: Final = Form(
    what="a secret's name or ARN and a key such as vecgate#chroma; with nothing after the # it is all of the secret",
    pattern=r"[A-Za-z0-9/_+=.@:-]{1,512}#[A-Za-z0-9_.-]{0,128}",
)
SPIFFE: Final = Form(
    what="a SPIFFE id such as spiffe://example.org/ns/apps/sa/ingest; all below it with /* at its end",
    pattern=r"spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]{1,255}){0,32}(/\*)?",
)
SUBJECT: Final = Form(what="a certificate's subject as RFC 2253 writes it, such as CN=batch,O=Example", pattern=r"[ -~]{1,512}")
ENTITY: Final = Form(what="the name of an entity such as EMPLOYEE_ID", pattern=r"[A-Z][A-Z0-9_]{1,63}")
PHRASE: Final = Form(what="text of one line", pattern=r"[^\x00-\x1f\x7f]{1,4096}")
ENVIRONMENT: Final = Form(what="the name of an environment variable", pattern=r"[A-Za-z_][A-Za-z0-9_]{0,127}")

Size = Annotated[int, SIZE]
Duration = Annotated[float, DURATION]
ListenAddress = Annotated[Address, ADDRESS]
BaseUrl = Annotated[Url, BASE_URL]
AnyUrl = Annotated[Url, URL]
StorePlace = Annotated[StoreUrl, STORE]
Name = Annotated[str, NAME]
HeaderName = Annotated[str, HEADER]
HostName = Annotated[str, HOST]
Authority = Annotated[str, AUTHORITY]
Origin = Annotated[str, ORIGIN]
Entrypoint = Annotated[str, ENTRYPOINT]
Text = Annotated[str, TEXT]
VaultPath = Annotated[str, VAULT_PATH]
SpiffeId = Annotated[str, SPIFFE]
Subject = Annotated[str, SUBJECT]
Entity = Annotated[str, ENTITY]
Phrase = Annotated[str, PHRASE]
