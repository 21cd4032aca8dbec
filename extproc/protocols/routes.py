"""Which operation a method and path ask for: the canonical form of a target, and the table that it is looked up in.

A target is taken apart once, here. What two servers may read differently is refused: escaped or doubled slashes, backslashes,
dot segments, path parameters, double escapes, control characters, raw bytes beyond ASCII, a fragment, a trailing slash. What
is forwarded is put together again from the parts, so the database sees the path that was looked up. The table is compiled
from ``operations.csv``, which lists every operation of every engine; what has no row is unknown.
"""

from __future__ import annotations

import csv
import re
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import msgspec

from extproc.errors import Unrecognised
from extproc.events import Transport

_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@{}-]|%[0-9A-Fa-f]{2})+")
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
"""A path in which nothing needs a second look: unreserved characters, and no segment that begins with a dot."""
_PARAMETER: Final = re.compile(r"([a-z_]+)=([A-Za-z0-9_.~-]+)")
_FORBIDDEN: Final = frozenset("/\\%;")
_DOTS: Final = frozenset({".", ".."})
_MOST_KEPT: Final = 1024
"""How many targets are remembered: clients ask for the same collections over and over."""

_LONGEST_KEPT: Final = 512
"""Characters of a target that is remembered."""

_WILD: Final = re.compile(r"\{\*.*\}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A path in decoded segments, and the parameters of the query in their order."""

    segments: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return the one spelling in which this target is forwarded."""
        path = "/" + "/".join(self.segments)
        if _PLAIN_PATH.fullmatch(path) is None:
            path = "".join(f"/{quote(segment, safe='')}" for segment in self.segments)
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{path}?{query}" if query else path


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A row of operations.csv. `method` is ``*`` where any will do."""

    method: str
    template: str
    action: str
    scope: str

    def parts(self) -> tuple[str, ...]:
        """Return the segments of the template."""
        return tuple(self.template.split("/")[1:])


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A route, and the values of the parameters in its path; of a wildcard, all that it stands for, joined by slashes."""

    route: Route
    parameters: Mapping[str, str]


def parse(target: str) -> Target:
    """Take a raw target apart. Raises `Unrecognised` (``path_ambiguous``, ``parameter_unknown``) and quotes nothing of it."""
    path, _, query = target.partition("?")
    first, *rest = path.split("/")
    if _PLAIN_PATH.fullmatch(path) is not None:
        return Target(segments=tuple(rest), query=_query(query))
    if path == "/":
        return Target(segments=("",), query=_query(query))
    if first or not rest:
        raise _ambiguous()
    return Target(segments=tuple(_segment(raw) for raw in rest), query=_query(query))


def _segment(raw: str) -> str:
    if _SEGMENT.fullmatch(raw) is None:
        raise _ambiguous()
    try:
        segment = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise _ambiguous() from None
    if not is_segment(segment):
        raise _ambiguous()
    return segment


def is_segment(text: str) -> bool:
    """Return whether `text` can be a part of a path here, so that what has this name can be reached by it."""
    return bool(text) and text not in _DOTS and text.isprintable() and _FORBIDDEN.isdisjoint(text)


def _query(raw: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for pair in raw.split("&") if raw else ():
        match = _PARAMETER.fullmatch(pair)
        if match is None or match[1] in found:
            raise Unrecognised("the query of the target is not of plain parameters, each once", code="parameter_unknown")
        found[match[1]] = match[2]
    return tuple(found.items())


def _ambiguous() -> Unrecognised:
    return Unrecognised("the path could be read in more than one way", code="path_ambiguous")


class Routes:
    """The routes of one engine."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._found: OrderedDict[tuple[str, str], tuple[Target, Match]] = OrderedDict()
        self._exact: defaultdict[tuple[str, int], list[tuple[Route, tuple[str, ...]]]] = defaultdict(list)
        self._wild: list[tuple[Route, tuple[str, ...], str]] = []
        # A fixed segment wins over a parameter, the first difference deciding, as in the routers of the databases.
        for route in sorted(routes, key=lambda route: tuple(part.startswith("{") for part in route.parts())):
            parts = route.parts()
            if _WILD.fullmatch(parts[-1]):
                self._wild.append((route, parts[:-1], parts[-1][1:-1]))
            else:
                self._exact[route.method, len(parts)].append((route, parts))

    def find(self, method: str, raw: str) -> tuple[Target, Match]:
        """Return a raw target's parts and its route, from memory where it was asked for lately. Raises `Unrecognised`."""
        found = self._found.get((method, raw))
        if found is None:
            target = parse(raw)
            found = (target, self.match(method, target.segments))
            if len(raw) <= _LONGEST_KEPT:
                self._found[method, raw] = found
                if len(self._found) > _MOST_KEPT:
                    self._found.popitem(last=False)
        return found

    def match(self, method: str, segments: tuple[str, ...]) -> Match:
        """Return the route of a method and path; HEAD takes the route of GET. Raises `Unrecognised`."""
        wanted = "GET" if method == "HEAD" else method
        for route, parts in self._exact.get((wanted, len(segments)), ()):
            # Most rows of a length differ in the last segment.
            if parts[-1] == segments[-1] or parts[-1].startswith("{"):
                parameters = _parameters(parts, segments)
                if parameters is not None:
                    return Match(route=route, parameters=parameters)
        for route, head, name in self._wild:
            if route.method in {"*", wanted} and segments[: len(head)] == head:
                return Match(route=route, parameters={name: "/".join(segments[len(head) :])})
        raise Unrecognised("this method and path belong to no known operation", code="operation_unknown")


def _parameters(parts: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            found[part[1:-1]] = segment
        elif part != segment:
            return None
    return found


@cache
def rows(engine: str, transport: Transport = "rest") -> tuple[Route, ...]:
    """Return an engine's rows of operations.csv over one transport."""
    table = (resources.files("extproc.protocols") / "operations.csv").read_text(encoding="utf-8")
    return tuple(
        Route(method=row["method"], template=row["path_or_rpc"], action=row["action"], scope=row["scope"])
        for row in csv.DictReader(table.splitlines())
        if row["database"] == engine and row["transport"] == transport
    )
