"""A real OpenID provider (node-oidc-provider) as a process of its own, and how a person and a program log in to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.browser import Browser, access_token
from support.keyserver import DISCOVERY

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".cache" / "oidc" / "provider.js"
SECRET = "a-secret-of-tests"


@dataclass(slots=True)
class Provider:
    """One running provider; `say` changes its keys."""

    url: str
    process: subprocess.Popen[str]

    @property
    def discovery(self) -> str:
        """Where its discovery document is."""
        return self.url + DISCOVERY

    def say(self, words: str) -> None:
        """Say `words` to it and wait until it has done so."""
        assert self.process.stdin
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        assert words == _heard(self.process)

    def program(self) -> str:
        """Return the access token of a program, which shows its own secret."""
        with httpx.Client(base_url=self.url, trust_env=False) as client:
            return access_token(client.post("/token", data={"grant_type": "client_credentials"}, auth=("ingest", SECRET)))

    def login(self, person: str) -> str:
        """Log a person in as a browser would (authorization code, PKCE) and return the access token."""
        with Browser(self.url) as browser:
            browser.authorize("/auth", client="laptop")
            browser.submit(prompt="login", login=person, password="x")
            browser.submit(prompt="consent")
            return browser.redeem("/token", client="laptop", secret=SECRET)


def _heard(process: subprocess.Popen[str]) -> str:
    """Return the provider's own next words; the library says other things in between."""
    assert process.stdout
    return next(line.removeprefix("> ").strip() for line in process.stdout if line.startswith("> "))


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider until the block ends."""
    if not (PROGRAM.parent / "node_modules").is_dir():
        pytest.fail("the OpenID provider is missing: run `make provider`")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("node"), PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield Provider(url=_heard(process), process=process)
        finally:
            process.terminate()
