"""Texts in, findings out, a line each: what `vecgate detect` does, to try detectors on texts of one's own.

A line in is ``{"text": …}``, whatever else it holds; a line out is ``{"entities": [{"type", "start", "end", "score"}, …]}``.
Offsets count characters (code points) of the text, so that ``text[start:end]`` is the value in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from extproc.detection.detector import Detector
from extproc.detection.finding import Finding
from extproc.errors import ConfigError


class _Line(msgspec.Struct, frozen=True):
    text: str


_line = msgspec.json.Decoder(_Line)


def lines(given: Iterable[bytes], detector: Detector) -> Iterator[bytes]:
    """Give the line of findings for each line of `given`. Raises `ConfigError` for a line of another form."""
    for number, each in enumerate(given, 1):
        if not each.strip():
            continue
        try:
            text = _line.decode(each).text
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ConfigError(f"line {number}: is not a JSON object with a member `text`") from None
        encoded = text.encode()
        found = detector.findings(encoded)
        yield msgspec.json.encode({"entities": _counted(found, encoded, ascii_only=len(encoded) == len(text))}) + b"\n"


def _counted(found: list[Finding], text: bytes, *, ascii_only: bool) -> list[Finding]:
    """Return findings with offsets in characters."""
    if ascii_only:
        return found
    counted, characters, at = [], 0, 0
    for each in found:
        start = characters + len(text[at : each.start].decode())
        end = start + len(text[each.start : each.end].decode())
        counted.append(msgspec.structs.replace(each, start=start, end=end))
        characters, at = end, each.end
    return counted
