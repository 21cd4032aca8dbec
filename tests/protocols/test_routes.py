"""Targets have one reading or none, and every row of the table is found by its own path."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Unrecognised
from extproc.protocols import routes
from extproc.protocols.routes import Target

_CHROMA = routes.Routes(routes.rows("chroma"))

_SEGMENTS = (
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\%;"), min_size=1)
    .filter(lambda text: text not in {".", ".."})
    .filter(str.isprintable)
)


@given(st.lists(_SEGMENTS, min_size=1), st.dictionaries(st.sampled_from(["limit", "offset"]), st.integers(0, 9).map(str)))
def test_written_target_reads_the_same(segments: list[str], query: dict[str, str]) -> None:
    """A target that is written and read again is the same target, whatever its parts hold."""
    target = Target(segments=tuple(segments), query=tuple(query.items()))

    assert target == routes.parse(str(target))


@given(st.text())
def test_written_target_is_plain(raw: str) -> None:
    """Whatever is read at all is written in unreserved characters and escapes alone, and reads the same again."""
    try:
        target = routes.parse(raw)
    except Unrecognised:
        return

    assert set(str(target)) <= set(string.ascii_letters + string.digits + "/._~-%?=&")
    assert target == routes.parse(str(target))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/api/v2/tenants/default%5ftenant", "/api/v2/tenants/default_tenant"),
        ("/api/v2/tenants/default%5Ftenant", "/api/v2/tenants/default_tenant"),
        ("/api/v2/tenants/a%20b", "/api/v2/tenants/a%20b"),
        ("/api/v2/tenants/a:b", "/api/v2/tenants/a%3Ab"),
        ("/api/v2/tenants/%C3%A9", "/api/v2/tenants/%C3%A9"),
        ("/api/v2/%74enants/t", "/api/v2/tenants/t"),
        ("/api/v2/tenants/a%3Fb%23c", "/api/v2/tenants/a%3Fb%23c"),
        ("/api/v2?", "/api/v2"),
        ("/api/v2?limit=1&offset=2", "/api/v2?limit=1&offset=2"),
    ],
)
def test_target_is_forwarded_in_one_spelling(raw: str, expected: str) -> None:
    """Escapes are taken off once, and put back only where they are needed."""
    assert expected == str(routes.parse(raw))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "api/v2",
        "//api/v2",
        "/api//v2",
        "/api/v2/",
        "/api/./v2",
        "/api/../v2",
        "/api/%2e%2e/v2",
        "/api/%2E/v2",
        "/api/.%2e/v2",
        "/api%2fv2",
        "/api%2Fv2",
        "/api%5cv2",
        "/api\\v2",
        "/api/v2%00",
        "/api/v2%0a",
        "/api/v2%7f",
        "/api/v2%252f",
        "/api/v2%25",
        "/api/v2%",
        "/api/v2%4",
        "/api/v2%zz",
        "/api/v2;x=1",
        "/api/v2%3bx",
        "/api/v2#x",
        "/api/v2\x00",
        "/api/v2 ",
        "/api/é",
        "/api/%ff",
        "/api/%c0%af",
        "/api/%e2%80%ae",
        "http://127.0.0.1/api/v2",
        "*",
    ],
)
def test_path_with_two_readings(path: str) -> None:
    """A path that two servers might read differently is refused, and not quoted."""
    with pytest.raises(Unrecognised) as caught:
        routes.parse(path)

    assert caught.value.code == "path_ambiguous"
    assert str(caught.value) == "the path could be read in more than one way"


@pytest.mark.parametrize(
    "query", ["limit=1&limit=2", "limit", "limit=", "=1", "limit=1&", "limit=%31", "limit=1+1", "Limit=1", "limit=1;x=2", "&"]
)
def test_query_with_two_readings(query: str) -> None:
    """A parameter that comes twice, or is not plain, is refused."""
    with pytest.raises(Unrecognised) as caught:
        routes.parse(f"/api/v2?{query}")

    assert caught.value.code == "parameter_unknown"


@pytest.mark.parametrize("engine", ["chroma", "qdrant", "weaviate", "pinecone"])
def test_rows_are_read_from_the_table(engine: str) -> None:
    """Each engine's rows come from the table, with a word and a scope each."""
    rows = routes.rows(engine)

    assert rows
    assert all(row.action and row.scope and row.template.startswith("/") for row in rows)


@pytest.mark.parametrize("route", routes.rows("chroma"), ids=lambda route: f"{route.method} {route.template}")
def test_each_row_is_found_by_its_path(route: routes.Route) -> None:
    """A path made of a row's template, with something for each parameter, finds that row and those values."""
    method = "GET" if route.method == "*" else route.method
    parts = tuple(f"some-{part[1:-1]}" if part.startswith("{") else part for part in route.parts())

    match = _CHROMA.match(method, parts)

    assert route == match.route
    assert {part[1:-1]: f"some-{part[1:-1]}" for part in route.parts() if part.startswith("{")} == match.parameters


@pytest.mark.parametrize(("path", "rest"), [("/docs", ""), ("/docs/a", "a"), ("/docs/a/b%20c", "a/b c")])
def test_a_wildcard_stands_for_all_that_follows(path: str, rest: str) -> None:
    """The rest of the path is told, also where there is none of it or several parts."""
    assert {"*": rest} == _CHROMA.match("GET", routes.parse(path).segments).parameters


def test_head_takes_the_route_of_get() -> None:
    """HEAD is served by a database's GET handlers, so it is the same operation."""
    segments = ("api", "v2", "version")

    assert _CHROMA.match("GET", segments) == _CHROMA.match("HEAD", segments)


def test_fixed_segment_wins_over_a_parameter() -> None:
    """Where a fixed segment and a parameter fit, the fixed one is meant, as in the database's own router."""
    path = ("api", "v2", "tenants", "t", "databases", "d", "collections", "by-id", "count")

    assert _CHROMA.match("GET", path).parameters["collection_id"] == "count"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v2/version"),
        ("GeT", "/api/v2/version"),
        ("OPTIONS", "/api/v2/version"),
        ("TRACE", "/api/v2/version"),
        ("CONNECT", "/api/v2/version"),
        ("POST", "/api/v2/version"),
        ("DELETE", "/api/v2/tenants/t"),
        ("GET", "/api/v2/Version"),
        ("GET", "/API/v2/version"),
        ("GET", "/api/v3/version"),
        ("GET", "/metrics"),
        ("*", "/api/v2/version"),
    ],
)
def test_unknown_operation(method: str, path: str) -> None:
    """A method or path that has no row is unknown; both are case-sensitive."""
    with pytest.raises(Unrecognised) as caught:
        _CHROMA.match(method, routes.parse(path).segments)

    assert caught.value.code == "operation_unknown"
