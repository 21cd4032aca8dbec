"""Attacks by the target and the method: each is sent to Chroma itself, to pin what it means there, and through the gateway.

What the gateway lets through it has brought to one spelling first, and that spelling is what it decided on and forwarded. Where
Chroma finds nothing under an odd spelling and the gateway something, `means` says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.smuggling import Attack, Bench, Decided, Refused, ask, bench

pytestmark = pytest.mark.envoy

ONE = b'{"limit":1}'
V2 = "/api/v2"
TENANT = f"{V2}/tenants/default_tenant"
AMBIGUOUS = Refused(code="path_ambiguous")
NORMALISED = Refused(code="gateway_refused", envoy="path_normalization_failed")
UNKNOWN = Refused(code="operation_unknown")
UNSUPPORTED = Refused(code="operation_unsupported")
PARAMETER = Refused(code="parameter_unknown")
MALFORMED = Refused(code="request_malformed", status=400)
BODY = Refused(code="body_unexpected", status=400)
NOT_FOUND = Refused(code="not_found", status=404)
READ = Decided(action="scroll", collection="tickets", sent="POST {records}/get", body=ONE)
READ_AFTER_ALL = Decided(action="scroll", collection="tickets", sent="POST {records}/get", body=ONE, means="200 shows tickets")
LISTED = Decided(action="list_collections", sent="GET {collections}", means="200 shows tickets")
VERSION = Decided(action="meta", sent=f"GET {V2}/version", means="200")


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma) as found:
        yield found


def get(name: str, target: str, chroma: str, gateway: Refused | Decided) -> Attack:
    """Return an attack by the target of a GET."""
    return ask(name, "GET", target, chroma=chroma, gateway=gateway)


def post(name: str, target: str, chroma: str, gateway: Refused | Decided) -> Attack:
    """Return an attack by the target of a search for one record."""
    return ask(name, "POST", target, ONE, chroma=chroma, gateway=gateway)


SPELLINGS = [
    post("none: the twin that all others are held against", "{records}/get", "200 shows tickets", READ),
    post("percent-encoded fixed segment", "{database}/%63ollections/{mine}/get", "404", READ_AFTER_ALL),
    post("percent-encoded action", "{records}/%67et", "404", READ_AFTER_ALL),
    ask(
        "percent-encoded deletion",
        "POST",
        "{records}/%64elete",
        b'{"ids":["r1"]}',
        chroma="404",
        gateway=Decided(
            action="delete_records", collection="tickets", sent="POST {records}/delete", means="200 changes tickets"
        ),
    ),
    post(
        "percent-encoded parameters",
        f"{V2}/tenants/default%5Ftenant/databases/default%5fdatabase/collections/{{mine}}/get",
        "200 shows tickets",
        READ,
    ),
    post(
        "doubly encoded parameter",
        f"{V2}/tenants/default%255ftenant/databases/default_database/collections/{{mine}}/get",
        "200 shows tickets",
        AMBIGUOUS,
    ),
    get("doubly encoded slash", "{database}%252fcollections", "404", AMBIGUOUS),
    get("encoded slash in the place of a slash", "{database}%2fcollections", "404", NORMALISED),
    get("encoded slash in a parameter", f"{TENANT}%2fdatabases/databases/default_database/collections", "200", NORMALISED),
    get("encoded way up in a parameter", f"{V2}/tenants/%2e%2e%2facme/databases/people/collections", "200", NORMALISED),
    get("encoded backslash", "{database}%5ccollections", "404", NORMALISED),
    get("backslash", "{database}\\collections", "404", LISTED),
    get("encoded NUL", "{collections}%00", "404", NORMALISED),
    get("encoded percent sign", f"{V2}/tenants/a%25b", "404", AMBIGUOUS),
    get("escape that is none", f"{V2}/tenants/%zz", "404", AMBIGUOUS),
    get("escape of another age", f"{V2}/tenants/%u0061", "404", AMBIGUOUS),
    get("overlong UTF-8", f"{V2}/tenants/%c0%ae%c0%ae/databases", "400", AMBIGUOUS),
    get("encoded line break", f"{V2}/tenants/a%0d%0ax-evil:%201", "404", AMBIGUOUS),
    get("dot segments", f"{V2}/tenants/x/../default_tenant/databases/default_database/collections", "404", LISTED),
    get("encoded dot segments", f"{V2}/tenants/x/%2e%2E/default_tenant/databases/default_database/collections", "404", LISTED),
    get("half-encoded dots", f"{V2}/tenants/x/.%2e/default_tenant/databases/default_database/collections", "404", LISTED),
    get("dot segment as a tenant", f"{V2}/tenants/%2e%2e/databases/default_database/collections", "200", UNKNOWN),
    get("dot segments above the root", "/../../api/v2/version", "404", VERSION),
    get("single dot", "/api/./v2/version", "404", VERSION),
    get("encoded single dot", "/api/%2e/v2/version", "404", VERSION),
    get(
        "dots;", f"{V2}/tenants/x/..;/default_tenant", "404", Decided(action="database_read", sent=f"GET {TENANT}", means="200")
    ),
    get("doubled slash in front", "//api/v2/version", "404", AMBIGUOUS),
    post("doubled slash within", "{collections}//{mine}/get", "404", AMBIGUOUS),
    post("empty segment in the place of an id", "{collections}//get", "400", AMBIGUOUS),
    get("empty segment in the place of a tenant", f"{V2}/tenants//databases/default_database/collections", "200", AMBIGUOUS),
    post("trailing slash", "{records}/get/", "404", AMBIGUOUS),
    post("path parameter at the end", "{records}/get;jsessionid=1", "404", AMBIGUOUS),
    post("path parameter within", "{collections};a=b/{mine}/get", "404", AMBIGUOUS),
    post("fragment that hides the action", "{records}/count#/get", "405", NORMALISED),
    get("fragment behind the query", "{collections}?limit=100#x", "200 shows tickets", NORMALISED),
    get("encoded question mark", "{collections}%3flimit=1", "404", UNKNOWN),
    get("encoded number sign", "{collections}%23", "404", UNKNOWN),
    get("tab behind the target", "{collections}\t", "400", LISTED),
    get("encoded space", f"{V2}/tenants/a%20b", "404", Decided(action="database_read", sent=f"GET {V2}/tenants/a%20b")),
    post("upper case", "/API/V2/tenants/default_tenant/databases/default_database/Collections/{mine}/get", "404", UNKNOWN),
    post("upper-case action", "{records}/GET", "404", UNKNOWN),
    get(
        "upper-case tenant",
        f"{V2}/tenants/DEFAULT_TENANT/databases/default_database/collections",
        "200",
        Decided(action="list_collections", sent=f"GET {V2}/tenants/DEFAULT_TENANT/databases/default_database/collections"),
    ),
    get("segment of 60 000 characters", f"{V2}/tenants/" + "a" * 60_000, "404", MALFORMED),
    get("path in the query", "/?/api/v2/version", "404", PARAMETER),
    post("absolute form", "http://kb{records}/get", "200 shows tickets", READ),
    post("absolute form with another host", "http://evil.test{records}/get", "200 shows tickets", READ),
    get("absolute form with a user", "http://a:b@kb/api/v2/version", "200", VERSION),
    get("absolute form with a doubled slash", "http://kb//api/v2/version", "404", AMBIGUOUS),
    get("absolute form without a path", "http://kb", "404", UNKNOWN),
]

QUERIES = [
    get("parameter repeated", "{collections}?limit=1&limit=1000", "400", PARAMETER),
    get("parameter unknown", "{collections}?limit=1000&tenant=acme&database=people", "200 shows tickets", PARAMETER),
    get("parameter against the path", "{database}?tenant=acme", "200", PARAMETER),
    get("parameter encoded name", "{collections}?%6cimit=1000", "200 shows tickets", PARAMETER),
    get("parameter encoded value", "{collections}?limit=%31000", "200 shows tickets", PARAMETER),
    get("parameter joined by a semicolon", "{collections}?limit=1000;offset=5", "400", PARAMETER),
    get("parameter empty", "{collections}?limit=1000&&", "200 shows tickets", PARAMETER),
    get("parameter signed", "{collections}?limit=+1", "400", PARAMETER),
    get("parameter negative", "{collections}?limit=-1", "400", PARAMETER),
    get("parameter beyond 64 bits", "{collections}?limit=99999999999999999999", "400", PARAMETER),
    get("parameter upper case", "{collections}?LIMIT=1", "200 shows tickets", PARAMETER),
    get("parameter as an array", "{collections}?limit[]=1", "200 shows tickets", PARAMETER),
    get("parameter behind two question marks", "{collections}??limit=1", "200 shows tickets", PARAMETER),
    get("parameter that is a path", f"{V2}/version?/../reset", "200", PARAMETER),
    post("parameter that overrides the method", "{records}/get?_method=DELETE", "200 shows tickets", PARAMETER),
    post("parameter that should be in the body", "{records}/get?limit=1&include=embeddings", "200 shows tickets", PARAMETER),
]

NAMES = [
    post("id of another tenant", "{collections}/{foreign}/get", "200 shows payroll", NOT_FOUND),
    get("count of another tenant's", "{collections}/{foreign}/count", "200", NOT_FOUND),
    get("description of another tenant's", "{collections}/by-id/{foreign}", "404", NOT_FOUND),
    post("made-up tenant", f"{V2}/tenants/nobody/databases/nothing/collections/{{mine}}/get", "200 shows tickets", NOT_FOUND),
    post("name in the place of an id", "{collections}/{name}/get", "400", MALFORMED),
    get(
        "id in the place of a name",
        "{collections}/{mine}",
        "404",
        Decided(action="describe_collection", collection="{mine}", sent="GET {records}"),
    ),
    get(
        "name of another tenant's",
        "{collections}/{foreign_name}",
        "404",
        Decided(action="describe_collection", collection="payroll", sent="GET {collections}/{foreign_name}"),
    ),
    get("resource name of another tenant's", f"{V2}/collections/acme:people:{{foreign_name}}", "no reply", UNSUPPORTED),
    get("older API", "/api/v1/collections", "410", UNSUPPORTED),
    get("documentation", "/openapi.json", "200", Decided(action="meta", sent="GET /openapi.json")),
    get("documentation's pages", "/docs/", "200", AMBIGUOUS),
    ask("reset", "POST", f"{V2}/reset", chroma="403", gateway=Decided(action="cluster_admin", sent=f"POST {V2}/reset")),
    ask("reset with a body", "POST", f"{V2}/reset", b"{}", chroma="403", gateway=BODY),
    ask(
        "copy",
        "POST",
        "{records}/fork",
        b'{"new_name":"a-copy-of-it"}',
        chroma="501",
        gateway=Decided(action="copy_collection", collection="tickets", sent="POST {records}/fork"),
    ),
    ask(
        "deletion at another tenant's",
        "POST",
        "{collections}/{foreign}/delete",
        b'{"ids":["r1"]}',
        chroma="200 changes payroll",
        gateway=NOT_FOUND,
    ),
    ask(
        "renaming of another tenant's",
        "PUT",
        "{collections}/{foreign}",
        b'{"new_name":"taken-over"}',
        chroma="200 changes payroll",
        gateway=NOT_FOUND,
    ),
    ask(
        "deletion by id in the place of a name",
        "DELETE",
        "{collections}/{mine}",
        chroma="404",
        gateway=Decided(action="delete_collection", collection="{mine}", sent="DELETE {records}"),
    ),
]

METHODS = [
    ask(
        "HEAD for GET",
        "HEAD",
        "{collections}",
        chroma="200",
        gateway=Decided(action="list_collections", sent="HEAD {collections}"),
    ),
    ask("HEAD of an action", "HEAD", "{records}/get", chroma="405", gateway=UNKNOWN),
    ask("GET of an action", "GET", "{records}/get", chroma="405", gateway=UNKNOWN),
    ask("OPTIONS", "OPTIONS", "{collections}", chroma="405", gateway=UNKNOWN),
    ask(
        "OPTIONS of everything",
        "OPTIONS",
        "*",
        chroma="404",
        gateway=Refused(code="gateway_refused", envoy="absolute_path_rejected"),
    ),
    ask(
        "preflight without a credential",
        "OPTIONS",
        "{collections}",
        headers=[("origin", "https://evil.test"), ("access-control-request-method", "DELETE")],
        token=False,
        chroma="405",
        gateway=Refused(code="token_missing", status=401),
    ),
    ask("TRACE", "TRACE", "{collections}", chroma="405", gateway=UNKNOWN),
    ask("PROPFIND", "PROPFIND", "{collections}", chroma="405", gateway=UNKNOWN),
    ask("QUERY", "QUERY", "{records}/get", ONE, chroma="405", gateway=UNKNOWN),
    ask("PATCH with nothing to change", "PATCH", TENANT, b"{}", chroma="422", gateway=MALFORMED),
    # A CONNECT has no path, so no rule of the token check is for it: it is refused before anybody is looked for.
    ask("CONNECT", "CONNECT", "kb:80", chroma="404", gateway=Refused(code="target_missing", status=400)),
    ask(
        "DELETE with a body",
        "DELETE",
        "{collections}/{name}",
        b"{}",
        chroma="200 changes tickets",
        gateway=BODY,
    ),
    ask("GET with a body", "GET", "{records}/count", b"{}", chroma="200", gateway=BODY),
    ask("POST without a body", "POST", "{records}/get", chroma="400", gateway=MALFORMED),
]
METHODS += [
    ask(
        f"override by {header}",
        "GET",
        "{collections}/{name}",
        headers=[(header, "DELETE")],
        chroma="200 shows tickets",
        gateway=Decided(action="describe_collection", collection="tickets", sent="GET {collections}/{name}"),
    )
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "X-Original-Method")
]

UUIDS = [
    post(f"id {how}", f"{{collections}}/{spelling}/get", "200 shows tickets", READ)
    for how, spelling in {
        "without dashes": "{undashed}",
        "in upper case": "{upper}",
        "in braces": "{{mine}}",
        "in encoded braces": "%7B{mine}%7D",
        "as a URN": "urn:uuid:{mine}",
        "as an encoded URN": "urn%3Auuid%3A{mine}",
        "in escapes": "{escaped}",
    }.items()
]
UUIDS += [
    post(f"id {how}", f"{{collections}}/{spelling}/get", "400", MALFORMED)
    for how, spelling in {
        "as an upper-case URN": "URN:UUID:{mine}",
        "in braces without dashes": "{{undashed}}",
        "in one brace": "{{mine}",
        "behind a space": "%20{mine}",
        "with a dot": "{mine}.",
        "in hexadecimal": "0x{undashed}",
        "with a digit too many": "{mine}0",
        "in wide digits": "%EF%BC%90{mine}",
    }.items()
]

ATTACKS = {each.name: each for each in (*SPELLINGS, *QUERIES, *UUIDS, *NAMES, *METHODS)}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_by_target_or_method(stage: Bench, name: str) -> None:
    """It means to Chroma what is pinned here; the gateway refuses it on record, or decides on what it forwards."""
    attack = ATTACKS[name]

    assert stage.directly(attack) == attack.chroma
    stage.check(attack)


def test_every_attack_has_a_name_of_its_own() -> None:
    """No attack is lost by having another's name."""
    assert len(ATTACKS) == len(SPELLINGS) + len(QUERIES) + len(UUIDS) + len(NAMES) + len(METHODS)
