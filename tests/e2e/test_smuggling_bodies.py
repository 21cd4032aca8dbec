"""Attacks by the body: JSON that parsers read in different ways, filters that are none, content that is not what it says."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from collections.abc import Iterator

import pytest

from support.rawhttp import Pairs
from support.smuggling import Attack, Bench, Decided, Outcome, Refused, ask, bench

pytestmark = pytest.mark.envoy

LIMIT = 256 << 10
DEEP = 100_000
ONE = b'{"limit":1}'
MALFORMED = Refused(code="request_malformed", status=400)
DUPLICATE = Refused(code="key_duplicate", status=400)
FILTER = Refused(code="filter_malformed", status=400)
FIELD = Refused(code="field_unknown")
OPERATOR = Refused(code="operator_unknown")
MEMBER = Refused(code="member_unknown")
CONTENT = Refused(code="content_unsupported", status=415)
TOO_LARGE = Refused(code="request_too_large", status=413)
VECTOR = base64.b64encode(struct.pack("<3f", 1, 2, 3)).decode()


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway with a small body limit in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma, limits={"body": "256KiB"}) as found:
        yield found


def get(name: str, body: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by the body of a `get`."""
    return ask(name, "POST", "{records}/get", body, chroma=chroma, gateway=gateway)


def query(name: str, vectors: str, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by the vectors of a `query`."""
    body = f'{{"query_embeddings":{vectors}}}'.encode()
    return ask(name, "POST", "{records}/query", body, chroma=chroma, gateway=gateway)


def add(name: str, members: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by what is added to a record."""
    body = b'{"ids":["r2"],"embeddings":[[1,2,3]],%b}' % members
    return ask(name, "POST", "{records}/add", body, chroma=chroma, gateway=gateway)


def delete(name: str, body: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by the body of a deletion."""
    return ask(name, "POST", "{records}/delete", body, chroma=chroma, gateway=gateway)


def content(
    name: str, chroma: str, gateway: Outcome, *, kind: str | None = None, body: bytes = ONE, more: Pairs = ()
) -> Attack:
    """Return an attack by the content's type, `kind`, or by the fields `more` about it."""
    fields = None if kind is None else ("content-type", kind)
    return ask(name, "POST", "{records}/get", body, more, kind=fields, chroma=chroma, gateway=gateway)


def read(body: bytes, action: str = "scroll") -> Decided:
    """Return that a `get` (or another action) is forwarded with these bytes."""
    path = {"scroll": "get", "search": "query", "upsert": "add", "delete_records": "delete"}[action]
    return Decided(action=action, collection="tickets", sent=f"POST {{records}}/{path}", body=body)


SHOWS = "200 shows tickets"

KEYS = [
    get("plain twin", ONE, SHOWS, read(ONE)),
    get("escaped key", b'{"\\u0069ds":["r1"]}', SHOWS, read(b'{"ids":["r1"]}')),
    get("key twice", b'{"limit":1,"limit":1000}', "422", DUPLICATE),
    get("key twice, once escaped", b'{"limit":1,"\\u006cimit":1000}', "422", DUPLICATE),
    get("key in two cases", b'{"limit":1,"LIMIT":1000}', SHOWS, DUPLICATE),
    get("key in another alphabet's case", '{"ids":["r1"],"id\u017f":["x"]}'.encode(), SHOWS, DUPLICATE),
    get("key in the wrong case alone", b'{"IDS":["r9"]}', SHOWS, MEMBER),
    get("key with a NUL", b'{"ids\\u0000":["r9"]}', SHOWS, MEMBER),
    get("key unknown", b'{"limit":1,"tenant":"acme"}', SHOWS, MEMBER),
    get("key of a prototype", b'{"__proto__":{"limit":1}}', SHOWS, MEMBER),
    get("key of 200 000 characters", b'{"%b":1}' % (b"k" * 200_000), SHOWS, MEMBER),
    get("10 000 keys", b"{%b}" % b",".join(b'"k%d":1' % each for each in range(10_000)), SHOWS, MEMBER),
    delete("deletion with a key in two cases", b'{"ids":["r9"],"IDS":["r1"]}', "200", DUPLICATE),
    delete("deletion with a key twice", b'{"ids":["r9"],"ids":["r1"]}', "422", DUPLICATE),
    get("key twice in a filter", b'{"where":{"n":5,"n":1}}', SHOWS, MALFORMED),
    add("key twice in metadata", b'"metadatas":[{"n":1,"n":2}]', "201 changes tickets", DUPLICATE),
    add(
        "keys of metadata in two cases",
        b'"metadatas":[{"n":1,"N":2}]',
        "201 changes tickets",
        Decided(
            action="upsert",
            collection="tickets",
            sent="POST {records}/add",
            body=b'{"ids":["r2"],"embeddings":[[1,2,3]],"metadatas":[{"n":1,"N":2}]}',
        ),
    ),
    add(
        "metadata under the server's own key",
        b'"metadatas":[{"chroma:document":"x"}]',
        "201 changes tickets",
        Refused(code="field_reserved"),
    ),
]

NUMBERS = [
    get("NaN", b'{"limit":NaN}', "400", MALFORMED),
    get("minus infinity", b'{"where":{"n":-Infinity}}', "400", MALFORMED),
    query("NaN in a vector", "[[NaN,1,2]]", "400", MALFORMED),
    query("infinity in a vector", "[[Infinity,1,2]]", "400", MALFORMED),
    get("beyond a double", b'{"where":{"n":1e999}}', "400", MALFORMED),
    get("beyond 64 bits", b'{"where":{"n":9223372036854775808}}', "400", MALFORMED),
    get("far beyond 64 bits", b'{"where":{"n":99999999999999999999999999}}', "200", MALFORMED),
    get("5000 digits", b'{"limit":%b}' % (b"9" * 5000), "400", MALFORMED),
    get("limit beyond 32 bits", b'{"limit":4294967296}', "422", MALFORMED),
    get("negative limit", b'{"limit":-1}', "422", MALFORMED),
    get("limit of minus nought", b'{"limit":-0}', "422", MALFORMED),
    get("limit with a point", b'{"limit":1.0}', "422", MALFORMED),
    get("limit as text", b'{"limit":"1"}', "422", MALFORMED),
    get("minus nought", b'{"where":{"n":-0}}', "200", read(b'{"where":{"n":-0.0}}')),
    get("leading zero", b'{"limit":01}', "400", MALFORMED),
    get("leading plus", b'{"limit":+1}', "400", MALFORMED),
    get("hexadecimal", b'{"limit":0x1}', "400", MALFORMED),
    get("point without digits", b'{"limit":1.}', "400", MALFORMED),
]

TEXTS = [
    get("byte order mark", b"\xef\xbb\xbf" + ONE, "400", MALFORMED),
    get("garbage behind", ONE + b"x", "400", MALFORMED),
    get("NUL behind", ONE + b"\0", "400", MALFORMED),
    get("comma behind", b'{"limit":1,}', "400", MALFORMED),
    get("two documents", b'{"limit":1}{"limit":2}', "400", MALFORMED),
    get("two documents in two lines", b'{"limit":1}\n{"limit":2}', "400", MALFORMED),
    get("comment", b'{"limit":1/**/}', "400", MALFORMED),
    get("comment behind", ONE + b"//", "400", MALFORMED),
    get("single quotes", b"{'limit':1}", "400", MALFORMED),
    get("no quotes", b"{limit:1}", "400", MALFORMED),
    get("white space around", b" \t\r\n" + ONE + b"\r\n ", SHOWS, read(ONE)),
    get("other white space", b"\x0c" + ONE, "400", MALFORMED),
    get("list", b"[]", "422", MALFORMED),
    get("null", b"null", "422", MALFORMED),
    get("nothing", b"", "400", MALFORMED),
    get("cut off", b'{"limit":1', "400", MALFORMED),
    get("UTF-16", ONE.decode().encode("utf-16"), "400", MALFORMED),
    get("UTF-16 without a mark", ONE.decode().encode("utf-16-le"), "400", MALFORMED),
    get("UTF-32", ONE.decode().encode("utf-32"), "400", MALFORMED),
    get("UTF-7", b"+AHsAIg-limit+ACI-:1+AH0-", "400", MALFORMED),
    get("invalid UTF-8 in an id", b'{"ids":["\xff\xfe"]}', "400", MALFORMED),
    get("invalid UTF-8 in a filter", b'{"where":{"a":"\xc3\x28"}}', "400", MALFORMED),
    get("overlong UTF-8", b'{"ids":["\xc0\xaf"]}', "400", MALFORMED),
    get("UTF-8 of a surrogate", b'{"ids":["\xed\xa0\x80"]}', "400", MALFORMED),
    query("invalid UTF-8 in a vector", '["\xff"]', "422", MALFORMED),
    add("invalid UTF-8 in metadata", b'"metadatas":[{"a":"\xff"}]', "400", MALFORMED),
    get("half a surrogate pair in an id", b'{"ids":["\\ud800"]}', "400", MALFORMED),
    get("half a surrogate pair in a filter", b'{"where":{"a":"\\udc00"}}', "400", MALFORMED),
    add("half a surrogate pair in a key of metadata", b'"metadatas":[{"\\ud800":1}]', "400", MALFORMED),
    add("half a surrogate pair in a document", b'"documents":["\\ud800"]', "400", MALFORMED),
    get("NUL in an id", b'{"ids":["r1\\u0000x"]}', "200", read(b'{"ids":["r1\\u0000x"]}')),
    get("raw NUL in an id", b'{"ids":["r1\0x"]}', "400", MALFORMED),
    get("raw line break in an id", b'{"ids":["r1\n"]}', "400", MALFORMED),
    get("escape that is none", b'{"ids":["\\x41"]}', "400", MALFORMED),
]

DEPTHS = [
    get("100 000 levels", b"[" * DEEP + b"]" * DEEP, "422", MALFORMED),
    get("100 000 levels in a member", b'{"limit":%b}' % (b"[" * DEEP + b"]" * DEEP), "422", MALFORMED),
    get("40 000 levels of objects", b'{"a":' * 40_000, "400", MALFORMED),
    get("20 000 joined filters", b'{"where":%b}' % (b'{"$or":[' * 20_000 + b'{"n":1}' + b"]}" * 20_000), "400", MALFORMED),
    get("110 joined filters", b'{"where":%b}' % (b'{"$or":[' * 110 + b'{"n":1}' + b"]}" * 110), "400", MALFORMED),
    query("100 000 levels of a vector", "[" * DEEP + "]" * DEEP, "422", MALFORMED),
    add("100 000 levels of metadata", b'"metadatas":[{"a":%b}]' % (b"[" * DEEP + b"]" * DEEP), "400", MALFORMED),
]

FILTERS = [
    get(
        "and in or",
        b'{"where":{"$or":[{"$and":[{"n":1},{"n":{"$gt":0}}]},{"n":5}]}}',
        SHOWS,
        read(b'{"where":{"$or":[{"$and":[{"n":1},{"n":{"$gt":0}}]},{"n":5}]}}'),
    ),
    get("conjunction of nothing", b'{"where":{"$and":[]}}', SHOWS, FILTER),
    get("disjunction of nothing", b'{"where":{"$or":[]}}', "200", FILTER),
    get("filter of nothing", b'{"where":{}}', "400", FILTER),
    get("filter that is a list", b'{"where":[{"n":1}]}', "400", FILTER),
    get("two fields", b'{"where":{"n":1,"m":2}}', "400", FILTER),
    get("a field beside a conjunction", b'{"where":{"n":1,"$and":[{"n":1},{"n":1}]}}', "400", FILTER),
    get("two operators", b'{"where":{"n":{"$gt":0,"$lt":5}}}', "400", FILTER),
    get("unknown join", b'{"where":{"$not":{"n":1}}}', "400", FIELD),
    get("join in upper case", b'{"where":{"$AND":[{"n":1},{"n":1}]}}', "400", FIELD),
    get("script", b'{"where":{"$where":"1==1"}}', "400", FIELD),
    get("unknown operator", b'{"where":{"n":{"$exists":true}}}', "400", OPERATOR),
    get("the text under the server's own key", b'{"where":{"chroma:document":{"$eq":"the-text-of-a-ticket"}}}', SHOWS, FIELD),
    get(
        "the text under its key",
        b'{"where":{"#document":{"$contains":"text"}}}',
        SHOWS,
        read(b'{"where":{"#document":{"$contains":"text"}}}'),
    ),
    get("the vector", b'{"where":{"#embedding":{"$eq":1}}}', "200", FIELD),
    get(
        "pattern on the text", b'{"where_document":{"$regex":"the-.*"}}', SHOWS, read(b'{"where_document":{"$regex":"the-.*"}}')
    ),
    get("filter on the text that is none", b'{"where_document":"text"}', "400", FILTER),
    get("field in a filter on the text", b'{"where_document":{"n":1}}', "400", OPERATOR),
    get("unknown operator on the text", b'{"where_document":{"$eq":"x"}}', "400", OPERATOR),
    get("field hidden beside a filter on the text", b'{"where_document":{"$contains":"text","n":1}}', "400", FILTER),
    get("nulls", b'{"where":null,"ids":null}', SHOWS, read(b'{"where":null,"ids":null}')),
    get("257 comparisons", json.dumps({"where": {"$or": [{"n": each} for each in range(257)]}}).encode(), SHOWS, FILTER),
    delete("deletion by a conjunction of nothing", b'{"where":{"$and":[]}}', "200 changes tickets", FILTER),
]

MEMBERS = [
    get("no ids", b'{"ids":[]}', "200", read(b'{"ids":[]}')),
    get("ids in an object", b'{"ids":{"0":"r1"}}', "422", MALFORMED),
    get("ids as text", b'{"ids":"r1"}', "422", MALFORMED),
    get("ids as numbers", b'{"ids":[1]}', "422", MALFORMED),
    get("unknown column", b'{"include":["secrets"]}', "422", MEMBER),
    get("column in upper case", b'{"include":["DOCUMENTS"]}', "422", MEMBER),
    get("column twice", b'{"include":["documents","documents"]}', SHOWS, read(b'{"include":["documents","documents"]}')),
    get("columns as text", b'{"include":"documents"}', "422", MALFORMED),
    get("columns null", b'{"include":null}', "422", MALFORMED),
    query("base64 vector", f'["{VECTOR}"]', "422", read(b'{"query_embeddings":["%b"]}' % VECTOR.encode(), "search")),
    query("base64 beside numbers", f'["{VECTOR}",[1,2,3]]', "422", MALFORMED),
    query("base64 that is none", '["!!!"]', "422", MALFORMED),
    query("base64 in escapes", '["AACAPw\\u0041AAEA"]', "422", MALFORMED),
    query("object for a vector", '[{"a":1}]', "422", MALFORMED),
    query("texts for numbers", '[["1","2","3"]]', "422", MALFORMED),
    ask(
        "base64 vector added",
        "POST",
        "{records}/add",
        b'{"ids":["r2"],"embeddings":["%b"]}' % VECTOR.encode(),
        chroma="201 changes tickets",
        gateway=read(b'{"ids":["r2"],"embeddings":["%b"]}' % VECTOR.encode(), "upsert"),
    ),
    ask(
        "another collection in a search",
        "POST",
        "{records}/search",
        b'{"searches":[{"collection":"payroll"}]}',
        chroma="501",
        gateway=MEMBER,
    ),
]

KINDS = [
    content("text", "415", CONTENT, kind="text/plain"),
    content("another kind of JSON", SHOWS, CONTENT, kind="application/vnd.api+json"),
    content("JSON-LD", SHOWS, CONTENT, kind="application/ld+json"),
    content("form", "415", CONTENT, kind="application/x-www-form-urlencoded", body=b"limit=1"),
    content("multipart", "415", CONTENT, kind="multipart/form-data; boundary=b", body=b"--b\r\n\r\n{}\r\n--b--\r\n"),
    content("lines of JSON", "415", CONTENT, kind="application/x-ndjson"),
    content("YAML", "415", CONTENT, kind="application/yaml", body=b"limit: 1"),
    content("CBOR", "415", CONTENT, kind="application/cbor", body=b"\xa1elimit\x01"),
    content("no kind", SHOWS, CONTENT),
    content("empty kind", "415", CONTENT, kind=""),
    content("two kinds", SHOWS, CONTENT, kind="application/json", more=[("content-type", "text/plain")]),
    content("two kinds in one field", "415", CONTENT, kind="application/json, text/plain"),
    content("upper-case kind", SHOWS, read(ONE), kind="APPLICATION/JSON"),
    content("named charset", SHOWS, read(ONE), kind="application/json; charset=utf-8"),
    content("other charset", SHOWS, CONTENT, kind="application/json; charset=iso-8859-1"),
    content("two charsets", SHOWS, CONTENT, kind="application/json; charset=utf-8; charset=utf-16"),
    content("gzip", "400", CONTENT, kind="application/json", body=gzip.compress(ONE), more=[("content-encoding", "gzip")]),
    content(
        "deflate", "400", CONTENT, kind="application/json", body=zlib.compress(ONE), more=[("content-encoding", "deflate")]
    ),
    content("gzip by another name", SHOWS, CONTENT, kind="application/json", more=[("content-encoding", "x-gzip")]),
    content("gzip that is none", SHOWS, CONTENT, kind="application/json", more=[("content-encoding", "gzip")]),
    content("gzip unsaid", "400", MALFORMED, kind="application/json", body=gzip.compress(ONE)),
    content("no coding, said", SHOWS, read(ONE), kind="application/json", more=[("content-encoding", "identity")]),
    content("two codings", SHOWS, CONTENT, kind="application/json", more=[("content-encoding", "identity, gzip")]),
    content(
        "two codings in two fields",
        SHOWS,
        CONTENT,
        kind="application/json",
        more=[("content-encoding", "identity"), ("content-encoding", "gzip")],
    ),
    content(
        "bomb",
        "400",
        CONTENT,
        kind="application/json",
        body=gzip.compress(b"0" * 10_000_000),
        more=[("content-encoding", "gzip")],
    ),
    content("over the limit", "200", TOO_LARGE, kind="application/json", body=b'{"ids":["%b"]}' % (b"a" * LIMIT)),
    content("over the limit in white space", SHOWS, TOO_LARGE, kind="application/json", body=b'{"limit":1%b}' % (b" " * LIMIT)),
]

THEMES = (KEYS, NUMBERS, TEXTS, DEPTHS, FILTERS, MEMBERS, KINDS)
ATTACKS = {each.name: each for theme in THEMES for each in theme}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_by_body(stage: Bench, name: str) -> None:
    """It means to Chroma what is pinned here; the gateway refuses it on record, or forwards the bytes that it decided on."""
    attack = ATTACKS[name]

    assert stage.directly(attack) == attack.chroma
    stage.check(attack)


def test_every_attack_has_a_name_of_its_own() -> None:
    """No attack is lost by having another's name."""
    assert len(ATTACKS) == sum(map(len, THEMES))
