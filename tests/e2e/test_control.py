"""The control API on a real Envoy: who is let in, what is revealed to whom, and what is on record of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from extproc.audit import keys
from extproc.audit.reader import open_private, read_leaves
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import Place, seal
from extproc.secret import Secret, SecretFile
from support.gateway import STARTER, Gateway, running
from support.ports import free_port

pytestmark = pytest.mark.envoy

SECRET = b"0123456789abcdef0123456789abcdef"
VALUE = "zoë.secret@example.net"
REVEALER = ("admin", "platform-admin")


@dataclass(frozen=True, slots=True)
class Control:
    """A gateway and its control API."""

    gateway: Gateway
    url: str

    def reveal(self, mask: str, headers: dict[str, str]) -> httpx.Response:
        """Ask for what is behind a mask."""
        return httpx.post(f"{self.url}/v1/masks/reveal", json={"token": mask}, headers=headers, trust_env=False)

    def bearer(self, *roles: str, **claims: Any) -> dict[str, str]:
        """Return the credential of a caller."""
        return {"authorization": f"Bearer {self.gateway.issuer.token(*roles, **claims)}"}

    def entries(self, exchange: str) -> list[Any]:
        """Return the leaves of one exchange."""
        return [leaf for leaf in read_leaves(self.gateway.audit) if leaf.exchange == exchange]


def token(field: str = "email", *, key: str = "k1", secret: bytes = SECRET) -> str:
    """Return a token as a worker makes it."""
    derived = MaskKey.derive(key, Secret(secret))
    place = Place(database="kb", collection="tickets", field=field)
    return seal(key, derived.cipher, place, msgspec.Raw(msgspec.json.encode(VALUE)))


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """Run a gateway under the starter policy, with a second, older masking key."""
    directory = tmp_path_factory.mktemp("control")
    (directory / "old.key").write_bytes(b"the key of last year")
    listen = f"127.0.0.1:{free_port()}"
    masking = {"keys": [{"id": "k1", "value": {"file": "mask.key"}}, {"id": "k0", "value": {"file": "old.key"}}]}
    with running(directory, "http://127.0.0.1:9", policy=STARTER, control={"listen": listen}, masking=masking) as found:
        yield Control(found, f"http://{listen}")


def test_whoever_sees_the_field_is_shown_the_value(control: Control) -> None:
    """Where it stood is told with it, and the answer is kept nowhere."""
    answer = control.reveal(token(), control.bearer(*REVEALER, name="Zoë \u202e 名"))

    assert (answer.status_code, answer.json()) == (
        200,
        {"database": "kb", "collection": "tickets", "field": "email", "value": VALUE},
    )
    assert answer.headers["cache-control"] == "no-store"


def test_a_token_of_an_older_key_is_still_undone(control: Control) -> None:
    """For as long as the configuration names the key."""
    answer = control.reveal(token(key="k0", secret=b"the key of last year"), control.bearer(*REVEALER))

    assert answer.json()["value"] == VALUE


@pytest.mark.parametrize(
    ("roles", "reason"),
    [(("reader",), "act_not_granted"), (("platform-admin",), "class_not_seen"), (("admin",), "act_not_granted")],
)
def test_whoever_may_not_is_refused_and_on_record(control: Control, roles: tuple[str, ...], reason: str) -> None:
    """The refusal names the reason and the exchange, under which the entry is found."""
    answer = control.reveal(token(), control.bearer(*roles))
    (entry,) = control.entries(answer.json()["exchange"])

    assert (answer.status_code, answer.json()["error"]) == (403, reason)
    assert (entry.kind, entry.decision, entry.end, reason in entry.reasons) == ("administration", "deny", "denied", True)


def test_a_mask_of_a_hidden_text_asks_for_the_text(control: Control) -> None:
    """What was found inside of a document is of the field `document`, which a class hides."""
    answer = control.reveal(token("document"), control.bearer("platform-admin"))

    assert answer.json()["error"] == "class_not_seen"


def test_what_was_revealed_is_on_record_before_and_after_and_the_value_nowhere(control: Control) -> None:
    """The entries tell who, which field and when; no file of evidence holds the value or the token in the open."""
    control.reveal(token(), control.bearer(*REVEALER))
    found = list(read_leaves(control.gateway.audit))
    last = next(leaf for leaf in reversed(found) if leaf.kind == "administration" and leaf.end == "delivered")
    intent, outcome = control.entries(last.exchange)
    key = keys.sealing_key(SecretFile(path=control.gateway.directory / "var" / "keys" / "sealing.key"))
    private = open_private(control.gateway.audit, "control", intent.index, key).private
    written = b"".join(path.read_bytes() for path in control.gateway.audit.rglob("*") if path.is_file())

    assert [(each.kind, each.decision, each.end, each.database) for each in (intent, outcome)] == [
        ("administration", "allow", None, "kb"),
        ("administration", "allow", "delivered", "kb"),
    ]
    assert [json.loads(bytes(each))["target"]["fields"] for each in private.inputs] == [["email"]]
    assert [text.encode() in written for text in (VALUE, token(), "email")] == [False] * 3


def forged(control: Control) -> str:
    """Return what Envoy would say of a token that does everything."""
    return json.dumps({"payload_0": control.gateway.issuer.claims(*REVEALER)})


@pytest.mark.parametrize("name", ["x-vecgate-verified", "X-Vecgate-Verified"])
@pytest.mark.parametrize("credential", ["none", "forged", "unsigned", "confused", "expired"])
def test_a_clients_own_word_of_a_verified_token_is_worth_nothing(control: Control, name: str, credential: str) -> None:
    """A request that brings Envoy's field along is one without a token, or with a bad one, and on record."""
    issuer = control.gateway.issuer
    shown = {
        "none": {},
        "forged": {"authorization": f"Bearer {issuer.forged(*REVEALER)}"},
        "unsigned": {"authorization": f"Bearer {issuer.unsigned(*REVEALER)}"},
        "confused": {"authorization": f"Bearer {issuer.confused(*REVEALER)}"},
        "expired": control.bearer(*REVEALER, iat=1, exp=2),
    }[credential]
    answer = control.reveal(token(), shown | {name: forged(control)})
    (entry,) = control.entries(answer.json()["exchange"])

    assert (answer.status_code, answer.json()["error"].startswith("token_"), entry.kind) == (401, True, "login_rejected")


def test_an_underscore_does_not_stand_for_a_dash(control: Control) -> None:
    """Envoy refuses such names, so no server can read one for the other."""
    with pytest.raises(httpx.HTTPError):
        control.reveal(token(), {"x_vecgate_verified": forged(control)}).raise_for_status()


def test_two_credentials_are_one_too_many(control: Control) -> None:
    """Envoy joins them to one field, which is no token."""
    bearer = control.bearer(*REVEALER)["authorization"]
    headers = [("authorization", bearer), ("authorization", bearer)]
    answer = httpx.post(f"{control.url}/v1/masks/reveal", json={"token": token()}, headers=headers, trust_env=False)

    assert (answer.status_code, answer.json()["error"]) == (401, "token_malformed")


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{}", 400, "request_malformed"),
        (b'{"token": 1}', 400, "request_malformed"),
        (b'{"token": "[token:k1:AAAA]", "fields": ["product"]}', 400, "request_malformed"),
        (b'{"token": "[REDACTED]"}', 400, "token_malformed"),
        (json.dumps({"token": token(secret=b"another")}).encode(), 400, "token_malformed"),
        (json.dumps({"token": token(key="k9")}).encode(), 400, "mask_key_unknown"),
        (b'{"token": "' + b"a" * (5 << 20) + b'"}', 413, "request_too_large"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(control: Control, body: bytes, status: int, error: str) -> None:
    """Where the value stood is the token's to say and not the caller's; nothing that was sent is quoted."""
    answer = httpx.post(f"{control.url}/v1/masks/reveal", content=body, headers=control.bearer(*REVEALER), trust_env=False)

    assert (answer.status_code, answer.json()["error"], "AAAA" in answer.text) == (status, error, False)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/masks/reveal", 405), ("POST", "/v1/masks", 404), ("GET", "/", 404)]
)
def test_what_is_no_route_is_not_there(control: Control, method: str, path: str, status: int) -> None:
    """There is nothing but what the table names."""
    answer = httpx.request(method, f"{control.url}{path}", headers=control.bearer(*REVEALER), trust_env=False)

    assert answer.status_code == status


@pytest.mark.parametrize(("options", "expected"), [((), f'"{VALUE}"\n'), (("--json",), None)])
def test_the_command_prints_the_value(control: Control, tmp_path: Path, options: tuple[str, ...], expected: str | None) -> None:
    """`vecgate mask reveal` asks where the configuration says, with the token of a file."""
    file = tmp_path / "me.token"
    file.write_text(control.gateway.issuer.token(*REVEALER) + "\n")
    command = [sys.executable, "-m", "extproc", "mask", "reveal", "-c", str(control.gateway.config), "--token-file", str(file)]
    done = subprocess.run([*command, *options, token()], capture_output=True, text=True, check=False)
    whole = json.dumps({"database": "kb", "collection": "tickets", "field": "email", "value": VALUE}, ensure_ascii=False) + "\n"

    assert (done.returncode, done.stdout, done.stderr) == (0, expected or whole, "")


def test_the_command_says_why_not(control: Control, tmp_path: Path) -> None:
    """A refusal is one line and exit status 1."""
    file = tmp_path / "me.token"
    file.write_text(control.gateway.issuer.token("reader"))
    command = [sys.executable, "-m", "extproc", "mask", "reveal", "-c", str(control.gateway.config), "--token-file", str(file)]
    done = subprocess.run([*command, token()], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("vecgate: the policy does not allow this: act_not_granted")


def test_an_opa_decides_about_acts_too(tmp_path: Path) -> None:
    """On a managed OPA the same policy is asked for the same decision."""
    listen = f"127.0.0.1:{free_port()}"
    with running(tmp_path, "http://127.0.0.1:9", policy=STARTER, engine="opa", control={"listen": listen}) as found:
        control = Control(found, f"http://{listen}")
        answers = [control.reveal(token(), control.bearer(*roles)) for roles in (REVEALER, ("platform-admin",))]

    assert [(each.status_code, each.json().get("error")) for each in answers] == [(200, None), (403, "class_not_seen")]


def test_without_rules_of_administration_the_configuration_names_who_administers(tmp_path: Path) -> None:
    """By role or group; nobody else may act."""
    listen = f"127.0.0.1:{free_port()}"
    control = {"listen": listen, "admins": ["group:ops"]}
    with running(tmp_path, "http://127.0.0.1:9", control=control) as found:
        reached = Control(found, f"http://{listen}")
        headers = [reached.bearer("reader", groups=["ops"]), reached.bearer("ops")]
        answers = [reached.reveal(token(), each) for each in headers]

    assert [(each.status_code, each.json().get("error")) for each in answers] == [(200, None), (403, "act_not_granted")]
