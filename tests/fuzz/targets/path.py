"""A method and a target: the one spelling that is forwarded is read as what it was, and goes the same way."""

from __future__ import annotations

from urllib.parse import unquote

from extproc.errors import Error
from extproc.protocols import routes

_ROUTES = routes.Routes(routes.rows("chroma"))
_REFUSALS = (
    "the path could be read in more than one way",
    "the query of the target is not of plain parameters, each once",
)

__all__ = ["check"]


def check(data: bytes) -> None:
    """Parse, write and parse again; then the same of the route."""
    method, _, target = data.decode("latin-1").partition(" ")
    try:
        found = routes.parse(target)
    except Error as error:
        refusal = str(error)
    else:
        _check_found(method, target, found)
        return
    assert refusal in _REFUSALS, "a refusal quotes the target"


def _check_found(method: str, target: str, found: routes.Target) -> None:
    written = str(found)
    assert routes.parse(written) == found
    assert str(routes.parse(written)) == written
    assert written.isascii()
    assert written.isprintable()
    assert " " not in written
    path, _, query = target.partition("?")
    assert [unquote(each, errors="strict") for each in path.split("/")[1:]] == list(found.segments)
    assert query == "&".join(f"{name}={value}" for name, value in found.query)
    for segment in found.segments:
        assert segment
        assert segment not in {".", ".."}
        assert not set(segment) & set("/\\%;\0")
    try:
        match = _ROUTES.match(method, found.segments)
    except Error:
        return
    assert _ROUTES.match(method, routes.parse(written).segments) == match
    assert match.route.method in {method, "*"} or method == "HEAD"
    for part, segment in zip(match.route.parts(), found.segments, strict=False):
        assert part == segment or part.startswith("{*") or match.parameters[part[1:-1]] == segment
