"""Keys of programming interfaces and other secrets that open something.

Most issuers give their keys a form by which they can be told. A key without one is told by what stands before it (``api_key =``)
together with how little order there is in it. Pure.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import re2

from extproc.detection.context import preceding
from extproc.detection.cues import LONG
from extproc.detection.recogniser import Recogniser, Verdict

_W: Final = "A-Za-z0-9_"
_ISSUERS: Final[tuple[tuple[str, str, int], ...]] = (
    *((prefix, "A-Z0-9", 16) for prefix in "AKIA ASIA ABIA ACCA AGPA AIDA AROA ANPA ANVA".split()),  # Amazon
    ("AIza", f"{_W}-", 35),  # Google
    ("GOCSPX-", f"{_W}-", 24),
    ("ya29.", f"{_W}-", 20),
    *((f"gh{kind}_", "A-Za-z0-9", 36) for kind in "pousr"),  # GitHub
    ("github_pat_", _W, 36),
    *((f"gl{kind}-", f"{_W}.-", 20) for kind in "pat dt rt cbt ptt ft imt agent oas soat".split()),  # GitLab
    *((f"xox{kind}-", "A-Za-z0-9-", 20) for kind in "abeoprs"),  # Slack
    ("xapp-", "A-Za-z0-9-", 20),
    *((f"{kind}_{mode}_", "A-Za-z0-9", 16) for kind in ("sk", "rk") for mode in ("live", "test", "prod")),  # Stripe
    ("whsec_", "A-Za-z0-9+/=", 24),
    ("sk-ant-", f"{_W}-", 20),  # Anthropic
    *((f"sk-{kind}-", f"{_W}-", 20) for kind in "proj svcacct admin or-v1 None".split()),  # OpenAI
    ("sk-", "A-Za-z0-9", 32),
    ("hf_", "A-Za-z", 30),  # Hugging Face
    ("api_org_", "A-Za-z", 30),
    ("gsk_", "A-Za-z0-9", 40),
    ("pplx-", "A-Za-z0-9", 40),
    ("r8_", "A-Za-z0-9", 30),
    ("xai-", "A-Za-z0-9", 60),
    ("nvapi-", f"{_W}-", 50),
    ("npm_", "A-Za-z0-9", 36),
    ("pypi-AgE", f"{_W}-", 40),
    ("rubygems_", "a-f0-9", 48),
    ("SG.", f"{_W}.-", 48),  # SendGrid
    ("key-", "0-9a-z", 32),  # Mailgun
    ("AC", "0-9a-f", 32),  # Twilio
    ("SK", "0-9a-f", 32),
    *((f"do{kind}_v1_", "a-f0-9", 64) for kind in "opr"),  # DigitalOcean
    *((f"shp{kind}_", "A-Fa-f0-9", 32) for kind in "at ca pa ss".split()),  # Shopify
    *((f"sq0{kind}-", f"{_W}-", 22) for kind in "atp csp idp".split()),  # Square
    ("EAAA", f"{_W}-", 56),
    ("dapi", "a-f0-9-", 32),  # Databricks
    ("PMAK-", "A-Fa-f0-9-", 48),  # Postman
    ("lin_api_", "A-Za-z0-9", 32),
    *((f"hv{kind}.", f"{_W}-", 24) for kind in "sbr"),  # Vault
    *((f"dp.{kind}.", f"{_W}.-", 40) for kind in "pt st ct sa scim audit".split()),  # Doppler
    ("ATATT3", f"{_W}=-", 60),  # Atlassian
    ("ATBB", "A-Za-z0-9", 24),
    ("glc_", f"{_W}+/=", 32),  # Grafana
    ("glsa_", _W, 32),
    ("NRAK-", "A-Z0-9", 27),  # New Relic
    ("sntrys_", f"{_W}+/=-", 60),  # Sentry
    ("AGE-SECRET-KEY-1", "A-Z0-9", 58),
    ("ops_eyJ", f"{_W}=+/-", 80),  # 1Password
    *((f"pscale_{kind}_", f"{_W}.-", 32) for kind in "tkn oauth pw".split()),
    ("figd_", f"{_W}-", 36),
    ("AccountKey=", "A-Za-z0-9+/=", 60),  # Azure
)
"""By what a key of an issuer begins, of which signs the rest is, and how many of them there are at least."""

_TAIL: Final = "[A-Za-z0-9_.+/=-]{10,}"
_ISSUED: Final = rf"\b(?:{'|'.join(sorted({re2.escape(prefix) for prefix, _, _ in _ISSUERS}))}){_TAIL}"
_TAILS: Final = {
    prefix.encode(): re2.compile(rf"[{signs}]{{{least},}}")
    for prefix, signs, least in sorted(_ISSUERS, key=lambda each: -len(each[0]))
}
_FORMS: Final = (
    r"\b(?:eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,})*"  # JWT
    r"|[a-z]{2,12}_(?:live|test|prod)_[A-Za-z0-9]{16,}"  # as Stripe's, by others
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"  # Telegram
    r"|[0-9a-f]{32}-us[0-9]{1,2}\b"  # Mailchimp
    r"|[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})"  # Discord
)
_PEM: Final = (
    r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\s\\:,]|-[A-Za-z0-9])*"
    r"(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?"
)
_IN_URL: Final = r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'<>]*:([^\s/@\"'<>]{3,})@[^\s/@\"'<>]"

_NAMES: Final = (
    r"(?:api|access|secret|private|client|auth|apps?|application|consumer|account|master|session|signing|encryption|service|storage)"
    r"[ _.-]?(?:key|token|secret|pass(?:word)?)|(?:key|token|secret|passw(?:or)?d|passwd|pwd|passphrase|credentials?|bearer|authorization|apikey|authtoken)"
)
_FOREIGN: Final = (
    r"cl[ée]s? (?:d['’ ]?|de |secr[èe]te )?(?:api|acc[èe]s)?|claves? (?:de |del )?(?:la )?(?:api|acceso|secreta)|chiav[ei] (?:segreta|di accesso|api|dell['’]api)"
    r"|chaves? (?:de |da |do )?(?:api|acesso|secreta)|klucz (?:do )?(?:api|dost[ęe]pu)|[a-zäöü-]*schl[üu]ssel|[a-z-]*sleutel|[a-z-]*nyckel|jeton|geheimnis"
    r"|mot de passe|mdp|passwort|kennwort|contraseña|senha|palavra-passe|wachtwoord|hasło|lösenord|adgangskode|пароль|ключ|токен|密码|密钥|パスワード|비밀번호"
)
"""What a secret is called in other languages."""
_VALUE: Final = r"[\"'\x60]?([^\s\"'\x60,;<>(){}\[\]|]{8,})"
_ASSIGNED: Final = rf"(?i)(?:{_NAMES}|{_FOREIGN})[A-Za-z0-9_-]{{0,24}}[\"'\x60]?\s{{0,3}}(?:=>|:=|[:=])\s{{0,3}}[\"'\x60]?(?:(?:bearer|basic|token)\s{{1,2}})?{_VALUE}"
_SPOKEN: Final = (
    rf"(?i)(?:(?:api|access|secret|private|client|auth|app)[ _.-]?key|token|secret|password|passphrase|bearer|{_FOREIGN})s?\s{{1,2}}"
    r"(?:(?:for|of|für|von|pour|de|du|para|per|voor|dla|till) [^\s,.;]{1,24}(?: [^\s,.;]{1,24}){0,2}\s)?"
    rf"(?:(?:is|was|ist|lautet|war|est|es|è|jest|to|é|är|er|:|是|は|:?=)\s{{1,2}}|:\s)?{_VALUE}"
)
_NO_SECRET: Final = re2.compile(
    r"(?i)(?:(?:page|paging|next|prev|previous|continuation|sync|resume|cursor|cache|primary|foreign|partition|sort|row|range|hash|index|shard|routing"
    r"|group|message|idempotency|dedup|deduplication|object|public|publishable|config|locale|translation|i18n|registry|composite|unique|lookup)"
    r"[ _.-]?(?:key|token)s?|(?:key|token|secret|password)s?[ _.-]?(?:name|type|count|length|url|uri|path|file|policy|version|fingerprint|alias|arn|hint|ref)|key[ _.-]?id)"
    r"[\"'\x60]?\s{0,3}(?:(?:=>|:=|[:=]|is|was)\s{0,3})?[\"'\x60]?$"
)
"""Names of what is no secret."""

_WORDS: Final = re2.compile(r"^(?:(?:[A-Z]?[a-z]{1,16}[0-9]{0,4}|[A-Z]{1,8}|[0-9]{1,4})(?:[-_/.:]+|$)){2,}$")
"""Words and small numbers, as in a path or a name: some order after all."""
_NAME: Final = 64
"""How far before a value its name begins, in bytes."""
_LEAST: Final = 16
_LEAST_PASSWORD: Final = 8
_LEAST_BITS: Final = 3.0
_PLACEHOLDER: Final = re2.compile(
    r"(?i)^(?:x+|\*+|\.+|-+|_+|0+|<.*|\$.*|%.*|\{.*|your[_-].*|my[_-].*|example.*|changeme.*|placeholder.*|redacted.*|test.*|dummy.*|sample.*"
    r"|null|none|true|false|undefined|os\.environ.*|process\.env.*|env\..*|config\..*|self\..*|.*\.(?:get|env|json|yaml|key|pem|py|js)\b.*|https?:.*|file:.*|/.*)$"
)
_PASSWORD: Final = re2.compile(r"(?i)pass|pwd|kennwort|contraseña|senha|wachtwoord|hasło|lösenord|mdp|пароль")


def _issued(text: bytes, start: int, end: int) -> Verdict | None:
    found = text[start:end]
    if start and text[start - 1 : start] in {b"-", b"."}:
        return None
    for prefix, tail in _TAILS.items():
        if found.startswith(prefix) and (rest := tail.match(found, len(prefix))) is not None:
            stop = start + rest.end()
            while text[stop - 1 : stop] in {b".", b"-", b"="} and text[stop : stop + 1] not in {b"", b'"', b"'"}:
                stop -= 1  # the sentence's
            if not _one_sign(text[start:stop]):
                return Verdict(start, stop, 0.95)
    return None


def _by_form(text: bytes, start: int, end: int) -> Verdict | None:
    return None if _one_sign(text[start:end]) else Verdict(start, end, 0.95)


def _one_sign(value: bytes) -> bool:
    """Whether the end of a key is a single sign again and again, as in an example."""
    return len(set(value[-_LEAST:])) <= 2  # noqa: PLR2004 - a sign, and a dash or so


def _block(text: bytes, start: int, end: int) -> Verdict | None:
    del text
    return Verdict(start, end, 0.99)


def _in_url(text: bytes, start: int, end: int) -> Verdict | None:
    return None if _PLACEHOLDER.match(text[start:end]) else Verdict(start, end, 0.8)


def _assigned(text: bytes, start: int, end: int) -> Verdict | None:
    """Judge what is assigned to the name of a secret: by its signs and how evenly they are used."""
    end = start + len(text[start:end].rstrip(b".,:!?\\&"))
    value = text[start:end]
    if _PLACEHOLDER.match(value) or _NO_SECRET.search(preceding(text, start, _NAME)):
        return None
    kinds = _kinds(value)
    password = _PASSWORD.search(preceding(text, start, _NAME))
    if _WORDS.match(value) and not password:
        return None
    if len(value) >= _LEAST_PASSWORD and kinds >= 3 and password:  # noqa: PLR2004 - of four
        return Verdict(start, end, 0.7)
    return Verdict(start, end, 0.75) if _disordered(value, kinds, _LEAST_BITS) else None


def _spoken(text: bytes, start: int, end: int) -> Verdict | None:
    """Judge what follows the name of a secret in a sentence: it must look more like one."""
    end = start + len(text[start:end].rstrip(b".,:!?\\&"))
    value = text[start:end]
    if _PLACEHOLDER.match(value) or not any(48 <= byte <= 57 for byte in value):  # noqa: PLR2004 - a digit
        return None
    if _NO_SECRET.search(preceding(text, start, _NAME)):
        return None
    return Verdict(start, end, 0.7) if _disordered(value, _kinds(value), _LEAST_BITS + 0.3) else None


def _disordered(value: bytes, kinds: int, least: float) -> bool:
    digits = sum(48 <= byte <= 57 for byte in value)  # noqa: PLR2004 - 0 to 9
    if len(value) < _LEAST or kinds < 2 or digits == len(value):  # noqa: PLR2004 - small and capital, or letters and digits
        return False
    return _bits(value) >= (least if digits else least + 0.5)


def _kinds(value: bytes) -> int:
    """Return how many kinds of signs there are: small and capital letters, digits, others."""
    return sum((
        any(97 <= byte <= 122 for byte in value),  # noqa: PLR2004 - a to z
        any(65 <= byte <= 90 for byte in value),  # noqa: PLR2004 - A to Z
        any(48 <= byte <= 57 for byte in value),  # noqa: PLR2004 - 0 to 9
        any(not chr(byte).isalnum() for byte in value),
    ))  # fmt: skip


def _bits(value: bytes) -> float:
    """Return Shannon's entropy of `value` in bits a byte."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


_NAMED: Final = (
    "(?i)key|token|secret|pass[wp]|pwd|credential|bearer|authorization|cl[ée]s? |clave|chiav|chave|klucz|ssel|sleut|nyckel|jeton|geheim|de pas|mdp"
    "|kennw|contras|senha|palavra|wachtw|has[łl]o|senord|gangsk|парол|ключ|токен|密|パスワ|비밀"
)
"""Beginnings and endings of the names, which are many, so that what is looked for in every text stays small."""

RECOGNISERS: Final = (
    Recogniser(entity="API_KEY", cue=LONG, pattern=_ISSUED, judge=_issued),
    Recogniser(entity="API_KEY", cue=LONG, pattern=_FORMS, judge=_by_form),
    Recogniser(entity="API_KEY", cue="-----BEGIN", pattern=_PEM, judge=_block),
    Recogniser(entity="API_KEY", cue="://", pattern=_IN_URL, judge=_in_url),
    Recogniser(entity="API_KEY", cue=_NAMED, pattern=_ASSIGNED, judge=_assigned),
    Recogniser(entity="API_KEY", cue=_NAMED, pattern=_SPOKEN, judge=_spoken),
)
