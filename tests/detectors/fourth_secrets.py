"""Secrets for the fourth part of the corpus: made up, in the forms in which services issue them."""

from __future__ import annotations

import base64
import json
import string
import zlib
from collections.abc import Callable
from random import Random

from detectors.fourth_signs import ALNUM, HEX, some

SAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"


def github(rng: Random) -> str:
    """A token of GitHub, its last six characters the checksum of the rest."""
    body = some(rng, ALNUM, 30)
    number, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        check = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[rest] + check
    return rng.choice(["ghp_", "ghp_", "gho_", "ghs_"]) + body + check


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt(rng: Random) -> str:
    """A signed token with a subject."""
    algorithm, size = rng.choice([("HS256", 32), ("RS256", 256), ("ES256", 64)])
    head = {"alg": algorithm, "typ": "JWT"} | ({"kid": some(rng, HEX, 8)} if rng.random() < 0.4 else {})
    claims = {
        "sub": some(rng, string.digits, 8),
        "iss": "login",
        "iat": rng.randrange(1_600_000_000, 1_780_000_000),
        "admin": rng.random() < 0.2,
    }
    return ".".join(
        (*(_part(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims)), _part(rng.randbytes(size)))
    )


def private_key(lines: str) -> Callable[[Random], str]:
    """A block with a private key, its lines ended by `lines`."""

    def make(rng: Random) -> str:
        kind, start, size = rng.choice(
            [
                ("RSA ", "MIIE", 6),
                ("EC ", "MHcCAQEEI", 3),
                ("", "MIIEvQIBADANBgkqhkiG9w0B", 6),
                ("OPENSSH ", "b3BlbnNzaC1rZXktdjEA", 5),
            ]
        )
        body = start + some(rng, BASE64, 64 * size - len(start) - 12)
        rows = [body[at : at + 64] for at in range(0, len(body), 64)]
        return lines.join((f"-----BEGIN {kind}PRIVATE KEY-----", *rows, f"-----END {kind}PRIVATE KEY-----"))

    return make


def generic(rng: Random) -> str:
    """A secret without a mark of its own; only the words before it tell."""
    return rng.choice(
        [
            some(rng, HEX, 32),
            some(rng, HEX, 40),
            some(rng, HEX, 64),
            some(rng, ALNUM, rng.choice([24, 32, 40, 48])),
            some(rng, SAFE, 43),
        ]
    )


def storage(rng: Random) -> str:
    """The key of a storage account, in base64."""
    return base64.b64encode(rng.randbytes(64)).decode()


def of(prefix: str, *parts: int, alphabet: str = ALNUM, sign: str = "-") -> Callable[[Random], str]:
    """A key with `prefix` before parts of the given sizes."""
    return lambda rng: prefix + sign.join(some(rng, alphabet, size) for size in parts)


def slack(rng: Random) -> str:
    """A token of a bot or a user of Slack."""
    return f"{rng.choice(['xoxb', 'xoxb', 'xoxp'])}-{some(rng, '123456789', 12)}-{some(rng, '123456789', 13)}-{some(rng, ALNUM, 24)}"


SECRETS: dict[str, Callable[[Random], str]] = {
    "KEY.aws": lambda rng: rng.choice(["AKIA", "AKIA", "ASIA"]) + some(rng, string.ascii_uppercase + "234567", 16),
    "KEY.aws-secret": lambda rng: some(rng, BASE64, 40),
    "KEY.google": of("AIzaSy", 33, alphabet=SAFE),
    "KEY.github": github,
    "KEY.slack": slack,
    "KEY.stripe": lambda rng: (
        rng.choice(["sk_live_", "sk_live_", "rk_live_", "sk_test_"]) + some(rng, ALNUM, rng.choice([24, 99]))
    ),
    "KEY.jwt": jwt,
    "KEY.private": private_key("\n"),
    "KEY.private-json": private_key("\\n"),
    "KEY.generic": generic,
    "KEY.storage": storage,
    "KEY.gitlab": of("glpat-", 20, alphabet=SAFE),
    "KEY.npm": of("npm_", 36),
    "KEY.sendgrid": of("SG.", 22, 43, alphabet=SAFE, sign="."),
    "KEY.openai": of("sk-proj-", 74, alphabet=SAFE),
    "KEY.anthropic": of("sk-ant-api03-", 93, alphabet=SAFE),
    "KEY.hugging": of("hf_", 34, alphabet=string.ascii_letters),
    "KEY.ocean": of("dop_v1_", 64, alphabet=HEX),
    "KEY.google-client": of("GOCSPX-", 28, alphabet=SAFE),
    "KEY.telegram": lambda rng: f"{some(rng, '123456789', 10)}:AA{some(rng, SAFE, 33)}",
    "KEY.databricks": of("dapi", 32, alphabet=HEX),
    "KEY.vault": of("hvs.", 90, alphabet=SAFE),
    "KEY.pypi": lambda rng: "pypi-AgEIcHlwaS5vcmc" + some(rng, SAFE, 140),
}
