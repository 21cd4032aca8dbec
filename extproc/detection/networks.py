"""Addresses of networks: IP of both versions, hardware addresses. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

import re2

from extproc.detection.context import Context, preceding
from extproc.detection.recogniser import Recogniser, Verdict

# --- version 4 ----------------------------------------------------------------------------------------------------------

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_V4: Final = rf"\b(?:{_OCTET}\.){{3}}{_OCTET}\b(?:/(?:3[0-2]|[12]?[0-9])\b)?"
_ADDRESSES: Final = Context(
    ("ip$", "ips$", "ipv", "address", "host", "server", "ping", "src", "dst", "source", "client", "peer", "gateway", "dns", "login", "subnet",
     "router", "proxy", "network", "vpn", "connect", "request", "attempt", "traffic", "attack", "blocked", "banned", "whois", "traceroute", "curl", "ssh", "telnet",
     "nmap", "adresse", "dirección", "indirizzo", "adres", "nameserver", "inet", "bind", "addr", "remote"),
    ("version", "ver$", "v$", "release", "build", "firmware", "section", "§", "chapter", "clause", "oid", "upgrade", "update", "revision",
     "rev$", "pkg", "package", "lib", "chrome", "gecko", "driver", "kernel", "sdk$", "jdk$", "jre$", "runtime", "app$", "oracle", "software", "dll$", "installer", "setup", "patch", "hotfix", "bios", "uefi", "chart$",
     "schema", "depend", "requires", "installed", "module", "plugin", "paragraph", "abschnitt", "kapitel", "api$"),
)  # fmt: skip
_PORT: Final = re2.compile(r":[0-9]{1,5}\b")
"""What a host's name, a stroke and its address end with, as Java writes them; no version of a program does."""
_SMALL: Final = 30
_WELL_KNOWN: Final = frozenset({"0.0.0.0", "1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"})  # noqa: S104 - an address in a text


def _v4(text: bytes, start: int, end: int) -> Verdict | None:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if before[-1:] in {b".", b"-", b"_", b"+"}:
        return None
    if before[-1:] == b"/" and before != b"//" and _PORT.match(text, end) is None:
        return None
    if after[:1] in {b"-", b"_", b"+"} or (after[:1] in {b".", b"/"} and after[1:].isdigit()):
        return None
    leaning = _ADDRESSES.leaning(text, start, end)
    if leaning < 0:
        return None
    plain = text[start:end].decode()
    octets = [int(part) for part in plain.partition("/")[0].split(".")]
    versionlike = octets[0] < 10 and max(octets) < _SMALL and plain not in _WELL_KNOWN  # noqa: PLR2004 - a major version
    if versionlike and leaning == 0:
        return Verdict(start, end, 0.4)
    return Verdict(start, end, 0.9 if leaning else 0.75)


# --- version 6 ----------------------------------------------------------------------------------------------------------

_V6: Final = (
    r"(?:(?:[0-9A-Fa-f]{1,4}:){1,7}|:)(?::?[0-9A-Fa-f]{1,4}){0,7}(?::[0-9A-Fa-f]{0,4}){0,7}"
    rf"(?:(?:{_OCTET}\.){{3}}{_OCTET})?(?:%[0-9A-Za-z]{{1,16}})?(?:/1?[0-9]{{1,2}})?"
)
_COLONS: Final = 6
"""How many there are at least in an address that leaves nothing out: fewer where it ends as one of version 4 does."""
_KNOWN: Final = re2.compile(r"(?i)(?:[23][0-9a-f]{3}|fe[89ab][0-9a-f]|f[cd][0-9a-f]{2}|ff[0-9a-f]{2}|64:ff9b|::1\b|::ffff:)")


def _v6(text: bytes, start: int, end: int) -> Verdict | None:
    if _touched(text[start - 1 : start] if start else b"") or _touched(
        text[end : end + 1].rstrip(b".") or text[end + 1 : end + 2]
    ):
        return None
    found = text[start:end]
    if found.endswith(b":") and not found.endswith(b"::"):
        found, end = found[:-1], end - 1
    if b"::" not in found and found.count(b":") < _COLONS:
        return None  # a time
    try:
        ipaddress.ip_interface(found.decode())
    except ValueError:
        return None
    groups = found.partition(b"/")[0].partition(b"%")[0].split(b":")
    if b"::" not in found and all(len(group) == 2 for group in groups):  # noqa: PLR2004 - a hardware address
        return None
    if b"::" in found and _KNOWN.match(found) is None:
        return None
    return Verdict(start, end, 0.9)


def _touched(byte: bytes) -> bool:
    return byte.isalnum() or byte in {b":", b"_", b"."} if byte else False


# --- hardware -----------------------------------------------------------------------------------------------------------

_PAIR: Final = r"[0-9A-Fa-f]{2}"
_FOUR: Final = r"[0-9A-Fa-f]{4}"
_MAC: Final = rf"\b{_PAIR}(?:(?::{_PAIR}){{5}}(?::{_PAIR}:{_PAIR})?|(?:-{_PAIR}){{5}}(?:-{_PAIR}-{_PAIR})?)\b"
_DOTTED: Final = rf"\b{_FOUR}\.{_FOUR}\.{_FOUR}\b"
_DEVICES: Final = Context(
    ("mac$", "mac-", "ether", "hardware", "device", "adapter", "bssid", "station", "wlan", "wi-fi", "wifi", "dhcp", "nic$", "physical",
     "gerät", "appareil", "dispositivo", "port$"),
    ("part", "pn-", "sku", "serial", "version", "time", "date"),
)  # fmt: skip


def _mac(text: bytes, start: int, end: int) -> Verdict | None:
    if text[start - 1 : start] in {b":", b"-", b".", b"_"} or text[end : end + 1] in {b"-", b"_"}:
        return None
    if text[end : end + 1] in {b":", b"."} and text[end + 1 : end + 2].isalnum():
        return None
    found = text[start:end]
    if found.isalnum():
        return Verdict(start, end, 0.7) if _NAMED.search(preceding(text, start, _NAME)) else None
    lettered = any(byte >= 65 for byte in found)  # noqa: PLR2004 - a letter
    leaning = _DEVICES.leaning(text, start, end)
    if leaning > 0 or (lettered and leaning == 0):
        return Verdict(start, end, 0.9)
    return Verdict(start, end, 0.6) if b":" in found and (lettered or not leaning) else None


_HARDWARE: Final = (
    r"(?i)\b(?:mac|bssid|ether|eui|hwaddr|lladdr|(?:hardware|physical|ethernet|wlan|wi-?fi|bluetooth|device)[ _-]?(?:addr|adr))"
)
_NAMED: Final = re2.compile(
    _HARDWARE
    + r"[A-Za-z]*(?:[ _-]{0,2}(?:addr|adr|dirección|indirizzo)[A-Za-z]*)?(?: (?:is|ist|est|es|è|of))?[\s:=\"'\x60(\[-]*$"
)
"""The name of an address of hardware, as it stands directly before one without signs."""
_NAME: Final = 48
_PLAIN: Final = r"\b[0-9A-Fa-f]{12}\b"

RECOGNISERS: Final = (
    Recogniser(entity="IP_ADDRESS", cue=r"[0-9]\.[0-9]{1,3}\.[0-9]", pattern=_V4, judge=_v4),
    Recogniser(entity="IP_ADDRESS", cue="[0-9A-Fa-f:]:[0-9A-Fa-f:]", pattern=_V6, judge=_v6),
    Recogniser(entity="MAC_ADDRESS", cue="[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]", pattern=_MAC, judge=_mac),
    Recogniser(entity="MAC_ADDRESS", cue=r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}", pattern=_DOTTED, judge=_mac),
    Recogniser(entity="MAC_ADDRESS", cue=_HARDWARE, pattern=_PLAIN, judge=_mac),
)
