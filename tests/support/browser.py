"""A person at a browser, logging in to an OpenID provider: authorization code with PKCE (RFC 7636), forms and all."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

CALLBACK = "http://127.0.0.1:1/callback"


class Browser:
    """One login, page by page."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=60)
        self._verifier = secrets.token_urlsafe(48)
        self._page: httpx.Response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def authorize(self, path: str, *, client: str) -> None:
        """Come from a program that wants a token, and be shown the first page."""
        digest = hashlib.sha256(self._verifier.encode()).digest()
        asked = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid email",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        self._show(self._client.get(path, params=asked))

    def submit(self, **fields: str) -> None:
        """Fill in the form of the page and send it."""
        found = re.search(r'<form[^>]*\saction="([^"]+)"', self._page.text)
        assert found, f"the page has no form: {self._page.text[:2000]}"
        self._show(self._client.post(html.unescape(found[1]), data=fields))

    def redeem(self, path: str, *, client: str, secret: str | None = None) -> str:
        """Be sent back to the program, which gets the access token for the code that came along."""
        code = parse_qs(urlsplit(self._page.headers["location"]).query)["code"][0]
        grant = {
            "grant_type": "authorization_code",
            "client_id": client,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self._verifier,
        }
        if secret is None:
            return access_token(self._client.post(path, data=grant))
        return access_token(self._client.post(path, data=grant, auth=(client, secret)))

    def _show(self, response: httpx.Response) -> None:
        """Follow redirections, but not the one that leaves the provider."""
        self._keep_cookies()
        while response.is_redirect:
            target = urljoin(str(response.url), response.headers["location"])
            if target.startswith(CALLBACK):
                break
            response = self._client.get(target)
            self._keep_cookies()
        else:
            response.raise_for_status()
        self._page = response

    def _keep_cookies(self) -> None:
        """Send cookies that ask for a secure connection over loopback too, as every browser does."""
        for cookie in self._client.cookies.jar:
            cookie.secure = False


def access_token(response: httpx.Response) -> str:
    """Return the access token in a provider's answer."""
    token: str = response.raise_for_status().json()["access_token"]
    return token
