"""Verified claims to a Principal, and each way in which a login is refused."""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Unauthenticated
from extproc.events import Head, Side
from extproc.identity import SKEW, SPIFFE_ID, SUBJECT, Identifier, Issuer, Workload, claim
from extproc.operation import Principal

NOW = 1_800_000_000
NAMESPACE = "envoy.filters.http.jwt_authn"
ISSUER = "https://idp.test/realms/main"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "vecgate",
    "sub": "u-1",
    "iat": NOW - 10,
    "exp": NOW + 300,
    "email": "ada@corp.test",
    "realm_access": {"roles": ["reader", "writer"]},
    "groups": "ops dev",
}


def identifier(**changes: Any) -> Identifier:
    """Return an identifier of one issuer."""
    known = {
        "issuer": ISSUER,
        "audiences": frozenset({"vecgate"}),
        "roles": "realm_access.roles",
        "groups": "groups",
        "person": "email",
        "workload": None,
        "max_lifetime": 3600,
    }
    return Identifier(
        issuers={ISSUER: Issuer(**(known | changes))},
        namespace=NAMESPACE,
        key="payload_",
        headers=(("x-chroma-token", ""), ("authorization", "Bearer ")),
    )


def head(found: dict[str, Any], *credentials: tuple[str, bytes]) -> Head:
    """Return a request's head with what Envoy found and what the client sent."""
    sent = credentials or (("x-chroma-token", b"a.b.c"),)
    return Head(side=Side.REQUEST, fields=sent, end_of_stream=True, metadata={NAMESPACE: found})


def refused(found: dict[str, Any], *credentials: tuple[str, bytes], now: int = NOW, **changes: Any) -> str:
    """Return the reason for which a login is refused."""
    with pytest.raises(Unauthenticated) as caught:
        identifier(**changes).identify(head(found, *credentials), now)
    assert caught.value.status == 401
    return caught.value.code


def test_verified_claims_become_a_principal() -> None:
    """Issuer and subject make the id; person, roles and groups come from the configured claims."""
    principal = identifier().identify(head({"payload_0": CLAIMS}), NOW)

    assert (principal.id, principal.person, principal.kind) == (f"{ISSUER}#u-1", "ada@corp.test", "human")
    assert principal.roles == ("reader", "writer")
    assert principal.groups == ("dev", "ops")
    assert principal.claims == CLAIMS


def test_a_workload_is_told_by_its_claim() -> None:
    """A token that has the workload claim is a program's."""
    claims = CLAIMS | {"client_id": "nightly"}

    assert identifier(workload="client_id").identify(head({"payload_0": claims}), NOW).kind == "workload"
    assert identifier(workload="client_id").identify(head({"payload_0": CLAIMS}), NOW).kind == "human"


@pytest.mark.parametrize(("found", "kind"), [("app", "workload"), ("user", "human"), (["app"], "human"), (None, "human")])
def test_a_workload_is_told_by_a_claims_value(found: Any, kind: str) -> None:
    """Where the configuration names a value, only that value makes a program of the caller."""
    claims = CLAIMS | {"idtyp": found}

    assert kind == identifier(workload="idtyp=app").identify(head({"payload_0": claims}), NOW).kind


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://evil.test"}, "token_unknown_issuer"),
        ({"iss": None}, "token_unknown_issuer"),
        ({"iss": [ISSUER]}, "token_unknown_issuer"),
        ({"aud": "other"}, "token_wrong_audience"),
        ({"aud": None}, "token_wrong_audience"),
        ({"aud": ["other", 7]}, "token_wrong_audience"),
        ({"exp": None}, "token_never_expires"),
        ({"exp": "never"}, "token_never_expires"),
        ({"exp": True}, "token_never_expires"),
        ({"exp": NOW - SKEW}, "token_expired"),
        ({"nbf": NOW + SKEW + 1}, "token_not_yet_valid"),
        ({"iat": NOW + SKEW + 1, "exp": NOW + 200}, "token_not_yet_valid"),
        ({"iat": None}, "token_too_long_lived"),
        ({"exp": NOW - 10 + 3601}, "token_too_long_lived"),
        ({"sub": None}, "token_no_subject"),
        ({"sub": ""}, "token_no_subject"),
        ({"sub": 7}, "token_no_subject"),
    ],
)
def test_claims_that_envoy_let_through_are_refused_here(changes: dict[str, Any], reason: str) -> None:
    """What is verified but not as it must be is refused with its own reason."""
    assert refused({"payload_0": CLAIMS | changes}) == reason


@pytest.mark.parametrize("lifetime", [1, 3600])
def test_a_lifetime_up_to_the_limit_is_taken(lifetime: int) -> None:
    """The longest lifetime is allowed, to the second."""
    claims = CLAIMS | {"exp": NOW - 10 + lifetime}

    assert identifier().identify(head({"payload_0": claims}), NOW).subject == "u-1"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"failure_0": {"code": 3, "message": "Jwt is expired"}}, "token_expired"),
        (
            {
                "failure_0": {"code": 24, "message": "Jwt issuer is not configured"},
                "failure_1": {"code": 25, "message": "Audiences in Jwt are not allowed"},
            },
            "token_wrong_audience",
        ),
        ({"failure_0": {"code": 24, "message": "Jwt issuer is not configured"}}, "token_unknown_issuer"),
        ({"failure_0": {"code": 26, "message": "Jwt verification fails"}}, "token_forged"),
        ({"failure_0": {"code": 99, "message": "something new"}}, "token_refused"),
        ({}, "token_malformed"),
    ],
)
def test_envoys_own_reason_is_told(found: dict[str, Any], reason: str) -> None:
    """The failure of the provider that knew the issuer is the reason; an unknown failure is still a refusal."""
    assert refused(found) == reason


def test_no_credential_is_told_apart_from_a_bad_one() -> None:
    """A request without any credential is missing its token."""
    assert refused({}, ("accept", b"*/*")) == "token_missing"


@pytest.mark.parametrize(
    "credentials",
    [
        (("x-chroma-token", b"a.b.c"), ("x-chroma-token", b"d.e.f")),
        (("x-chroma-token", b"a.b.c"), ("authorization", b"Bearer d.e.f")),
    ],
)
def test_two_credentials_at_once_are_refused_even_if_one_holds(credentials: tuple[tuple[str, bytes], ...]) -> None:
    """Two credentials are ambiguous, whichever of them Envoy verified."""
    assert refused({"payload_0": CLAIMS}, *credentials) == "token_ambiguous"


def test_two_verified_payloads_are_refused() -> None:
    """Two issuers cannot both have signed the one token."""
    assert refused({"payload_0": CLAIMS, "payload_1": CLAIMS}) == "token_ambiguous"


def test_metadata_of_another_namespace_counts_for_nothing() -> None:
    """Claims in any namespace but the configured one are nobody's."""
    forged = Head(
        side=Side.REQUEST,
        fields=(("x-chroma-token", b"x"),),
        end_of_stream=True,
        metadata={"envoy.filters.http.lua": {"payload_0": CLAIMS}},
    )

    with pytest.raises(Unauthenticated):
        identifier().identify(forged, NOW)


def test_an_unverified_token_yields_only_issuer_and_subject_cut_short() -> None:
    """What a refused token claims is kept for evidence, two claims at most and bounded."""
    payload = base64.urlsafe_b64encode(json.dumps({"iss": ISSUER, "sub": "x" * 999, "email": "a@b"}).encode()).rstrip(b"=")
    sent = head({}, ("authorization", b"Bearer e30." + payload + b".sig"))

    assert identifier().claimed(sent) == {"iss": ISSUER, "sub": "x" * 256}


def test_a_lone_surrogate_in_a_forged_token_does_not_keep_it_off_the_record() -> None:
    """JSON can spell half a character; what is kept of a claim can always be written down."""
    payload = base64.urlsafe_b64encode(b'{"sub":"\\ud800x"}').rstrip(b"=")

    claimed = identifier().claimed(head({}, ("x-chroma-token", b"e30." + payload + b".sig")))

    assert claimed["sub"].encode().endswith(b"x")


@given(st.binary(max_size=60))
def test_claimed_never_fails_on_garbage(token: bytes) -> None:
    """Whatever a credential holds, reading what it claims gives a dictionary and no error."""
    assert isinstance(identifier().claimed(head({}, ("x-chroma-token", token))), dict)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(CLAIMS)), inner, max_size=4),
        max_leaves=10,
    )
)
def test_odd_claims_are_refused_and_never_crash(value: Any) -> None:
    """Claims of any shape lead to a principal or a refusal, to no other error."""
    claims = dict.fromkeys(CLAIMS, value) if not isinstance(value, dict) else CLAIMS | value

    with contextlib.suppress(Unauthenticated):
        assert identifier().identify(head({"payload_0": claims}), NOW).subject


def test_a_claim_name_with_dots_is_found_before_the_path() -> None:
    """A claim whose very name has dots or is a URL is found as it stands."""
    assert claim({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert claim({"a": {"b": 2}}, "a.b") == 2
    assert claim({"a": [1]}, "a.b") is None


@pytest.mark.parametrize(
    ("claims", "path"),
    [
        ({"resource_access": {"my.app": {"roles": 1}}}, "resource_access.my.app.roles"),
        ({"https://corp.example/claims": {"roles": 1}}, "https://corp.example/claims.roles"),
        ({"kubernetes.io": {"namespace": 1}}, "kubernetes.io.namespace"),
    ],
)
def test_a_name_on_the_way_may_hold_dots(claims: dict[str, Any], path: str) -> None:
    """Clients and claims are called by host names: the longest name that is there is the step."""
    assert claim(claims, path) == 1


def test_the_longest_name_is_taken_whatever_lies_below_it() -> None:
    """Which claim is read does not depend on what the others hold."""
    assert claim({"a.b": {}, "a": {"b": {"c": 1}}}, "a.b.c") is None


WORKLOADS = (
    Workload(spiffe="spiffe://td/ns/apps/sa/in", subject=None, roles=("writer",), groups=("b", "a")),
    Workload(spiffe="spiffe://td/ns/batch/*", subject=None, roles=("reader",), groups=()),
    Workload(spiffe=None, subject="CN=cron,O=Corp", roles=("reader",), groups=()),
)


def certified(spiffe: str = "", subject: str = "", *credentials: tuple[str, bytes], **found: Any) -> Principal:
    """Return who comes with a certificate of these names."""
    shown = {name: value for name, value in ((SPIFFE_ID, spiffe), (SUBJECT, subject)) if value}
    metadata = {NAMESPACE: found}
    request = Head(side=Side.REQUEST, fields=credentials, end_of_stream=True, metadata=metadata, attributes=shown)
    return replace(identifier(), workloads=WORKLOADS).identify(request, NOW)


def test_a_program_is_who_its_certificate_says() -> None:
    """A SPIFFE id belongs to its trust domain, a plain subject to X.509; a program has no person and no claims."""
    by_id, by_subject = certified("spiffe://td/ns/apps/sa/in", "O=x"), certified("", "CN=cron,O=Corp")

    assert by_id.id == "spiffe://td#spiffe://td/ns/apps/sa/in"
    assert (by_id.kind, by_id.roles, by_id.groups, by_id.person) == ("workload", ("writer",), ("a", "b"), None)
    assert (by_subject.id, by_subject.claims) == ("x509#CN=cron,O=Corp", {})


@pytest.mark.parametrize(
    ("spiffe", "subject"),
    [
        ("spiffe://td/ns/apps/sa/in/", ""),
        ("spiffe://td/ns/apps/sa/i", ""),
        ("spiffe://td/ns/batch", ""),
        ("spiffe://td/ns/batches/x", ""),
        ("spiffe://td2/ns/batch/x", ""),
        ("", "CN=cron,O=Corp,C=GB"),
        ("", "O=Corp,CN=cron"),
        ("", "spiffe://td/ns/apps/sa/in"),
        ("CN=cron,O=Corp", ""),
    ],
)
def test_a_certificate_of_a_name_that_only_looks_alike_is_unknown(spiffe: str, subject: str) -> None:
    """Names are compared whole, each with its own kind."""
    with pytest.raises(Unauthenticated) as caught:
        certified(spiffe, subject)

    assert caught.value.code == "certificate_unknown"


def test_a_bad_token_is_not_made_up_for_by_a_certificate() -> None:
    """Who shows a token is judged by it."""
    failure = {"failure_0": {"code": 3, "message": "Jwt is expired"}}
    with pytest.raises(Unauthenticated) as caught:
        certified("spiffe://td/ns/apps/sa/in", "", ("x-chroma-token", b"a.b.c"), **failure)

    assert caught.value.code == "token_expired"


def test_a_good_token_is_who_its_bearer_is_whatever_the_certificate() -> None:
    """The certificate is then only the transport's."""
    found = certified("spiffe://td/ns/apps/sa/in", "", ("x-chroma-token", b"a.b.c"), payload_0=CLAIMS)

    assert (found.subject, found.kind) == ("u-1", "human")


def test_an_unknown_certificate_is_claimed_in_evidence() -> None:
    """Whose certificate was refused is kept, cut short."""
    request = Head(side=Side.REQUEST, fields=(), end_of_stream=True, attributes={SPIFFE_ID: "spiffe://td/" + "x" * 500})

    assert {"spiffe": ("spiffe://td/" + "x" * 500)[:256]} == identifier().claimed(request)
