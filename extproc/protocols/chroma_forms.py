"""The requests of Chroma's v2 API that this gateway understands, and the form that each must have.

`SHAPES` is the whole list: a row of operations.csv without a shape is refused. Of a request with a shape every member and
parameter is checked, and unknown ones are refused, because a member that the gateway ignores is one that an attacker uses.
A `Form` holds what was sent, in its order, null apart from absent, so that writing it means what was read. It decides nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from extproc.errors import Malformed, Unrecognised
from extproc.protocols import chroma_search, strict_json
from extproc.protocols.chroma_where import is_plain
from extproc.protocols.routes import Match, Target, is_segment
from extproc.protocols.strict_json import shown

INCLUDABLE: Final = frozenset({"documents", "metadatas", "embeddings", "distances", "uris"})
_LARGEST: Final = chroma_search.LARGEST_COUNT
_READ_LEVELS: Final = frozenset({"index_and_wal", "index_only", "index_and_bounded_wal"})
_NULL: Final = b"null"
_OPAQUE: Final = frozenset({"embeddings", "query_embeddings"})
_PLAIN_VALUES: Final = frozenset(b'"tfn')
"""How a string, a truth value or null begins."""

_HEX: Final = "[0-9A-Fa-f]"
_DASHED: Final = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_UUID: Final = re.compile(rf"(?:{_HEX}{{32}}|{_DASHED}|\{{{_DASHED}\}}|urn:uuid:{_DASHED})")
"""The spellings that Rust's `uuid` reads, which is what Chroma reads."""

_MOST_IDS: Final = 1024
"""How many collections' ids are remembered in the one spelling that is forwarded."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{3,512}")
"""The names of collections and databases."""
_PAGE_NAME: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_LONGEST_NAME: Final = 512
_MOST_QUERIES: Final = 1000
"""Query vectors in one request; Chroma itself names no bound."""

_texts: Final = msgspec.json.Decoder(list[str])
_optional_texts: Final = msgspec.json.Decoder(list[str | None])
_text: Final = msgspec.json.Decoder(str)
_truth: Final = msgspec.json.Decoder(bool)

Member = Callable[[msgspec.Raw, str], Any]
"""Reads and checks one member of a body; gives what is to be written in its place."""

Kind = Literal[
    "service", "page", "tenant", "databases", "establish", "clear", "list", "create", "describe", "alter", "drop", "fork",
    "attach", "detach", "progress", "add", "update", "delete", "count", "get", "query", "search",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one kind of request may hold: members of the body (None: no body), parameters, and how it names a collection.

    `repeated` are parameters that may only say again what the path says.
    """

    kind: Kind
    members: Mapping[str, Member] | None = None
    required: frozenset[str] = frozenset()
    parameters: Mapping[str, Callable[[str], bool]] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()
    names: Literal["nothing", "name", "uuid"] = "nothing"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A request, understood. `size` is the body's as it came, in bytes; `queries` counts the query vectors of a `query`."""

    kind: Kind
    names: Literal["nothing", "name", "uuid"]
    method: str
    target: Target
    action: str
    scope: str
    parameters: Mapping[str, str]
    size: int
    body: Mapping[str, Any] | None = None
    queries: int = 0
    searches: tuple[chroma_search.Search, ...] = ()


def read(method: str, target: Target, match: Match, body: bytes) -> Form:
    """Understand a request. Raises `Malformed`, `Unrecognised`."""
    route = match.route
    shape = SHAPES.get((route.method, route.template))
    if shape is None:
        raise Unrecognised("this operation is known and let through for nobody", code="operation_unsupported")
    for name, value in target.query:
        if name in shape.repeated and value == match.parameters[name]:
            continue
        accepts = shape.parameters.get(name)
        if accepts is None or not accepts(value):
            raise Unrecognised(f"the parameter {shown(name)} is not known here, or its value", code="parameter_unknown")
    parameters = dict(match.parameters)
    if shape.names == "uuid":
        parameters["collection_id"] = _uuid(parameters["collection_id"])
    if shape.kind == "page" and _PAGE_NAME.fullmatch(parameters["*"]) is None:
        raise Unrecognised("the database has no such page", code="operation_unknown")
    parts = tuple([parameters[part[1:-1]] if part.startswith("{") else part for part in route.parts()])
    for name, value in parameters.items():
        if not (1 <= len(value) <= _LONGEST_NAME):
            raise Malformed(f"the path's {name} is longer than {_LONGEST_NAME} characters")
    if shape.names == "name":
        _check_name(parameters["collection_id"], "the path's collection")
    found = _body(shape, body)
    queries = strict_json.vectors(found["query_embeddings"], "query_embeddings") if found and shape.kind == "query" else 0
    if queries > _MOST_QUERIES:
        raise Malformed(f"'query_embeddings' holds more than {_MOST_QUERIES} vectors")
    return Form(
        kind=shape.kind,
        names=shape.names,
        method=method,
        target=Target(segments=parts, query=target.query),
        action=route.action,
        scope=route.scope,
        parameters=parameters,
        size=len(body),
        body=found,
        queries=queries,
        searches=tuple(chroma_search.check(found["searches"])) if found and shape.kind == "search" else (),
    )


def write(form: Form) -> bytes | None:
    """Return the body of a form, None where it has none."""
    return None if form.body is None else msgspec.json.encode(form.body)


@functools.lru_cache(maxsize=_MOST_IDS)
def _uuid(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise Malformed("the collection's id is not a UUID")
    return str(UUID(text))


def _body(shape: Shape, body: bytes) -> dict[str, Any] | None:
    if shape.members is None:
        if body:
            raise Malformed("this request has no body", code="body_unexpected")
        return None
    raw = strict_json.members(body, _OPAQUE)
    for name in raw:
        if name not in shape.members:
            raise Unrecognised(f"the member {shown(name)} is not known here", code="member_unknown")
    for name in shape.required:
        if name not in raw:
            raise Malformed(f"the member '{name}' is missing")
    return {name: shape.members[name](value, name) for name, value in raw.items()}


# --- members ------------------------------------------------------------------------------------------------------------


def _nullable(member: Member) -> Member:
    return lambda raw, name: None if bytes(raw) == _NULL else member(raw, name)


def _ids(raw: msgspec.Raw, name: str) -> list[str]:
    return strict_json.typed(raw, _texts, name)


def _documents(raw: msgspec.Raw, name: str) -> list[str | None]:
    return strict_json.typed(raw, _optional_texts, name)


def _vectors(raw: msgspec.Raw, name: str) -> msgspec.Raw:
    strict_json.vectors(raw, name)
    return raw


def _count(raw: msgspec.Raw, name: str) -> int:
    return chroma_search.count(strict_json.value(raw, name), name)


def _boolean(raw: msgspec.Raw, name: str) -> bool:
    return strict_json.typed(raw, _truth, name)


def _name(raw: msgspec.Raw, name: str) -> str:
    found = strict_json.typed(raw, _text, name)
    _check_name(found, f"'{name}'")
    return found


def _check_name(found: str, what: str) -> None:
    """Hold a name to Chroma's own grammar: names stand in evidence for ever, so nothing else may pass for one."""
    if _NAME.fullmatch(found) is None:
        raise Malformed(f"{what} is not a name: 3 to 512 of the characters A-Z a-z 0-9 . _ -")


def _label(raw: msgspec.Raw, name: str) -> str:
    """Read a name to which Chroma has no grammar, but by which a later request must be able to reach what it names."""
    found = strict_json.typed(raw, _text, name)
    if len(found) > _LONGEST_NAME or not is_segment(found):
        raise Malformed(f"'{name}' is not text that a path can hold")
    return found


def _keeping_output(raw: msgspec.Raw, name: str) -> bool:
    """Refuse to delete what the request does not name: the collection that a function has written."""
    if _boolean(raw, name):
        raise Unrecognised(
            f"'{name}' deletes a collection without naming it; delete it by its name", code="operation_unsupported"
        )
    return False


def _include(raw: msgspec.Raw, name: str) -> list[str]:
    found = _ids(raw, name)
    if not INCLUDABLE.issuperset(found):
        raise Unrecognised(f"'{name}' holds a column that is not known", code="member_unknown")
    return found


def _read_level(raw: msgspec.Raw, name: str) -> str:
    found = strict_json.typed(raw, _text, name)
    if found not in _READ_LEVELS:
        raise Unrecognised(f"'{name}' is not a level that is known", code="member_unknown")
    return found


def _object(*known: str) -> Member:
    """Return the reader of an object whose members are objects or null, only the `known` ones; of any where none is named."""

    def member(raw: msgspec.Raw, name: str) -> dict[str, Any]:
        found = strict_json.value(raw, name)
        if not isinstance(found, dict):
            raise Malformed(f"'{name}' is not an object")
        for inner in found:
            if known and inner not in known:
                raise Unrecognised(f"the member {shown(inner)} of '{name}' is not known", code="member_unknown")
        return found

    return member


def _metadatas(raw: msgspec.Raw, name: str) -> list[dict[str, msgspec.Raw] | None]:
    """Check the metadata of records; the values stay as they were sent, to the last digit."""
    records = strict_json.objects(raw, name)
    for key in {key for record in records if record for key in record}:
        if not is_plain(key):
            raise Unrecognised(f"the metadata key {shown(key)} is the database's own", code="field_reserved")
    for record in records:
        for key, value in (record or {}).items():
            if bytes(value)[0] not in _PLAIN_VALUES and not _is_metadata(value, key):
                raise Malformed(f"the metadata of {shown(key)} is not a value, a list of values or a sparse vector")
    return records


def _is_metadata(raw: msgspec.Raw, key: str) -> bool:
    match bytes(raw)[:1]:
        case b"[":
            return all(isinstance(each, (str, int, float)) for each in strict_json.value(raw, key))
        case b"{":
            found = set(strict_json.value(raw, key))
            return {"indices", "values"} <= found <= {"#type", "indices", "values", "tokens"}
        case _:
            return strict_json.finite(raw)


# --- the requests -------------------------------------------------------------------------------------------------------

_DATABASE: Final = "/api/v2/tenants/{tenant}/databases/{database}"
_COLLECTIONS: Final = f"{_DATABASE}/collections"
_COLLECTION: Final = f"{_COLLECTIONS}/{{collection_id}}"

_WHERE: Final[dict[str, Member]] = {"where": strict_json.value, "where_document": strict_json.value}
_RECORDS: Final[dict[str, Member]] = {
    "ids": _ids,
    "embeddings": _vectors,
    "documents": _nullable(_documents),
    "metadatas": _nullable(_metadatas),
    "uris": _nullable(_documents),
}
_ADD: Final = Shape(kind="add", members=_RECORDS, required=frozenset({"ids", "embeddings"}), names="uuid")
_SERVICE: Final = Shape(kind="service")


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST


_PAGE: Final[dict[str, Callable[[str], bool]]] = {"limit": _is_count, "offset": _is_count}

SHAPES: Final[Mapping[tuple[str, str], Shape]] = {
    ("GET", "/api/v2"): _SERVICE,
    ("GET", "/api/v2/heartbeat"): _SERVICE,
    ("GET", "/api/v2/healthcheck"): _SERVICE,
    ("GET", "/api/v2/version"): _SERVICE,
    ("GET", "/api/v2/pre-flight-checks"): _SERVICE,
    ("GET", "/api/v2/auth/identity"): _SERVICE,
    ("GET", "/openapi.json"): _SERVICE,
    ("GET", "/docs/{*}"): Shape(kind="page"),
    ("POST", "/api/v2/reset"): Shape(kind="clear"),
    ("POST", "/api/v2/tenants"): Shape(kind="establish", members={"name": _label}, required=frozenset({"name"})),
    ("GET", "/api/v2/tenants/{tenant_name}"): Shape(kind="tenant"),
    ("PATCH", "/api/v2/tenants/{tenant_name}"): Shape(
        kind="tenant", members={"resource_name": _label}, required=frozenset({"resource_name"})
    ),
    ("GET", "/api/v2/tenants/{tenant}/databases"): Shape(kind="databases", parameters=_PAGE),
    ("POST", "/api/v2/tenants/{tenant}/databases"): Shape(
        kind="establish", members={"name": _name}, required=frozenset({"name"})
    ),
    ("GET", _DATABASE): Shape(kind="tenant", repeated=frozenset({"tenant"})),  # the asynchronous client sends it twice
    ("DELETE", _DATABASE): Shape(kind="clear"),
    ("GET", f"{_DATABASE}/collections_count"): Shape(kind="tenant"),
    ("GET", _COLLECTIONS): Shape(kind="list", parameters=_PAGE),
    ("POST", _COLLECTIONS): Shape(
        kind="create",
        members={
            "name": _name,
            "metadata": _nullable(_object()),
            "configuration": _nullable(_object("hnsw", "spann", "embedding_function")),
            "schema": _nullable(_object("defaults", "keys")),
            "get_or_create": _boolean,
        },
        required=frozenset({"name"}),
    ),
    ("GET", f"{_COLLECTIONS}/by-id/{{collection_id}}"): Shape(kind="describe", names="uuid"),
    ("GET", _COLLECTION): Shape(kind="describe", names="name"),
    ("DELETE", _COLLECTION): Shape(kind="drop", names="name"),
    ("PUT", _COLLECTION): Shape(
        kind="alter",
        members={
            "new_name": _nullable(_name),
            "new_metadata": _nullable(_object()),
            "new_configuration": _nullable(_object("hnsw", "spann", "embedding_function")),
        },
        names="uuid",
    ),
    ("GET", f"{_COLLECTION}/indexing_status"): Shape(kind="progress", names="uuid"),
    ("POST", f"{_COLLECTION}/fork"): Shape(
        kind="fork", members={"new_name": _name}, required=frozenset({"new_name"}), names="uuid"
    ),
    ("GET", f"{_COLLECTION}/fork_count"): Shape(kind="describe", names="uuid"),
    ("POST", f"{_COLLECTION}/functions/attach"): Shape(
        kind="attach",
        members={"name": _label, "function_id": _label, "output_collection": _name, "params": _nullable(_object())},
        required=frozenset({"name", "function_id", "output_collection"}),
        names="uuid",
    ),
    ("GET", f"{_COLLECTION}/functions/{{function_name}}"): Shape(kind="describe", names="uuid"),
    ("POST", f"{_COLLECTION}/attached_functions/{{name}}/detach"): Shape(
        kind="detach", members={"delete_output": _keeping_output}, names="uuid"
    ),
    ("GET", f"{_COLLECTION}/count"): Shape(kind="count", parameters={"read_level": _READ_LEVELS.__contains__}, names="uuid"),
    ("POST", f"{_COLLECTION}/add"): _ADD,
    ("POST", f"{_COLLECTION}/upsert"): _ADD,
    ("POST", f"{_COLLECTION}/update"): Shape(
        kind="update", members={**_RECORDS, "embeddings": _nullable(_vectors)}, required=frozenset({"ids"}), names="uuid"
    ),
    ("POST", f"{_COLLECTION}/delete"): Shape(
        kind="delete", members={**_WHERE, "ids": _nullable(_ids), "limit": _nullable(_count)}, names="uuid"
    ),
    ("POST", f"{_COLLECTION}/get"): Shape(
        kind="get",
        members={
            **_WHERE,
            "ids": _nullable(_ids),
            "limit": _nullable(_count),
            "offset": _nullable(_count),
            "include": _include,
        },
        names="uuid",
    ),
    ("POST", f"{_COLLECTION}/query"): Shape(
        kind="query",
        members={
            **_WHERE,
            "query_embeddings": _vectors,
            "ids": _nullable(_ids),
            "n_results": _nullable(_count),
            "include": _include,
        },
        required=frozenset({"query_embeddings"}),
        names="uuid",
    ),
    ("POST", f"{_COLLECTION}/search"): Shape(
        kind="search",
        members={"searches": strict_json.value, "read_level": _read_level},
        required=frozenset({"searches"}),
        names="uuid",
    ),
}
