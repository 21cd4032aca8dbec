"""A real OpenID provider (node-oidc-provider) as a process of its own, and how a person and a program log in to it."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from support.keyserver import DISCOVERY

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / ".cache" / "oidc" / "provider.js"
SECRET = "a-secret-of-tests"
CALLBACK = "http://127.0.0.1:1/callback"


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
            return _token(client.post("/token", data={"grant_type": "client_credentials"}, auth=("ingest", SECRET)))

    def login(self, person: str) -> str:
        """Log a person in as a browser would (authorization code, PKCE) and return the access token."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": "laptop",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with httpx.Client(base_url=self.url, trust_env=False) as browser:
            page = _follow(browser, browser.get("/auth", params=asked))
            page = _follow(browser, browser.post(_form(page), data={"prompt": "login", "login": person, "password": "x"}))
            back = _follow(browser, browser.post(_form(page), data={"prompt": "consent"}))
            code = parse_qs(urlsplit(str(back.headers["location"])).query)["code"][0]
            grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
            return _token(browser.post("/token", data=grant, auth=("laptop", SECRET)))


def _heard(process: subprocess.Popen[str]) -> str:
    """Return the provider's own next words; the library says other things in between."""
    assert process.stdout
    return next(line.removeprefix("> ").strip() for line in process.stdout if line.startswith("> "))


def _token(response: httpx.Response) -> str:
    token: str = response.raise_for_status().json()["access_token"]
    return token


def _follow(browser: httpx.Client, response: httpx.Response) -> httpx.Response:
    """Follow redirections within the provider; return the page, or the redirection that leaves it."""
    while response.is_redirect:
        target = urljoin(str(response.url), response.headers["location"])
        if target.startswith(CALLBACK):
            return response
        response = browser.get(target)
    return response.raise_for_status()


def _form(page: httpx.Response) -> str:
    """Return where a page's form goes."""
    found = re.search(r'<form[^>]*\saction="([^"]+)"', page.text)
    assert found, "the page has no form"
    return found[1]


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider until the block ends."""
    if not (PROGRAM.parent / "node_modules").is_dir():
        pytest.fail("the OpenID provider is missing: run `make provider`")
    process = subprocess.Popen(
        ["node", str(PROGRAM)],
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
