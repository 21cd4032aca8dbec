"""A bench for attacks on the wire: the same bytes go to a real Chroma and through a real gateway, and their effects compare.

What a request *means* is said in a few words: the status, which collection its answer shows, which collection it changed, for
each reply in turn. A gateway may refuse an attack or decide on it, but never forward what it did not decide.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from extproc.audit import keys
from extproc.audit.leaf import Leaf
from extproc.audit.reader import open_private, read_leaves
from extproc.secret import SecretFile
from support import rawhttp
from support.database import Seen
from support.gateway import RAW_KEY, Gateway, running
from support.rawhttp import Pairs, Reply
from support.shelf import COLLECTIONS, DATABASE
from support.tap import Tap, tapped

FOREIGN: Final = "/api/v2/tenants/acme/databases/people"
JSON: Final = ("content-type", "application/json")
PROBE: Final = rawhttp.request("GET", "/api/v2/heartbeat", [("host", "kb"), ("connection", "close")])
"""A request that is answered by anyone, recorded by nobody, and ends the connection: what follows an attack on framing."""

_TEXTS: Final = {"tickets": "the-text-of-a-ticket", "payroll": "the-text-of-a-salary"}
_FORWARDED: Final = frozenset(
    {"host", "accept", "content-type", "content-length", "transfer-encoding", "user-agent", "x-request-id", "x-chroma-token"}
)
_MOST_REPLIES: Final = 6
_PATIENCE: Final = 600

T = TypeVar("T")


class Scene(dict[str, str]):
    """Two collections of one record: `tickets`, where the caller belongs, and `payroll` of another tenant.

    Its members stand in targets and header values: ``{records}/get``, ``{collections}/{foreign}/get``, ``{token}``.
    """

    def __init__(self, chroma: httpx.Client, token: str) -> None:
        tag = uuid.uuid4().hex[:12]
        super().__init__(database=DATABASE, collections=COLLECTIONS, token=token, name=f"t-{tag}", foreign_name=f"p-{tag}")
        self._chroma = chroma
        self["mine"] = self._collection(DATABASE, self["name"], "tickets")
        self["foreign"] = self._collection(FOREIGN, self["foreign_name"], "payroll")
        self["records"] = f"{COLLECTIONS}/{self['mine']}"
        self["undashed"] = self["mine"].replace("-", "")
        self["upper"] = self["mine"].upper()
        self["escaped"] = "".join(f"%{ord(letter):02x}" for letter in self["mine"])
        self.kept = self.state()

    def _collection(self, database: str, name: str, kind: str) -> str:
        made = self._chroma.post(f"{database}/collections", json={"name": name}).raise_for_status().json()["id"]
        record = {"ids": ["r1"], "embeddings": [[1, 2, 3]], "documents": [_TEXTS[kind]], "metadatas": [{"n": 1}]}
        self._chroma.post(f"{database}/collections/{made}/add", json=record).raise_for_status()
        return str(made)

    def state(self) -> dict[str, tuple[str, str | None]]:
        """Return what the two collections hold just now, their names included."""
        held = {}
        for kind, database, key in (("tickets", DATABASE, "mine"), ("payroll", FOREIGN, "foreign")):
            records = self._chroma.post(f"{database}/collections/{self[key]}/get", json={})
            named = self._chroma.get(f"{database}/collections/by-id/{self[key]}")
            held[kind] = (records.text, named.json().get("name"))
        return held

    def fill(self, text: str) -> str:
        """Return `text` with the scene's names in it."""
        for name, value in self.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def collection(self, kind: str | None) -> str | None:
        """Return the name of ``tickets`` or ``payroll``; any other word is a name by itself."""
        return None if kind is None else {"tickets": self["name"], "payroll": self["foreign_name"]}.get(kind, self.fill(kind))


# --- what happened ------------------------------------------------------------------------------------------------------


def meaning(scene: Scene, replies: Sequence[Reply]) -> str:
    """Return in words what an attack did; forget the scene afterwards if it changed."""
    words = " | ".join(_said(scene, reply) for reply in replies) or "no reply"
    after = scene.state()
    return words + "".join(f" changes {kind}" for kind in after if after[kind] != scene.kept[kind])


def _said(scene: Scene, reply: Reply) -> str:
    body = reply.body.decode("latin-1")
    shown = {
        kind for kind, name in (("tickets", "name"), ("payroll", "foreign_name")) if _TEXTS[kind] in body or scene[name] in body
    }
    # An error that repeats a name shows nothing that was not known.
    return f"{reply.status}" + "".join(f" shows {kind}" for kind in sorted(shown) if reply.status < 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A native error under `code`, one entry, nothing at the database; `then` is what the replies after it mean."""

    code: str
    status: int = 403
    envoy: str = ""
    then: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Envoy's codec closes the connection without a reply; one entry with Envoy's own word, nothing at the database.

    It takes a second over closing, so these are sent together, each from a loopback address of its own.
    """

    envoy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Forwarded as it was decided: `action` on `collection`, as the request `sent` and no other byte of the client's.

    `means` is what comes of it where that is not what Chroma itself makes of the attacker's bytes.
    """

    action: str
    sent: str
    collection: str | None = None
    body: bytes | None = None
    means: str | None = None


Outcome = Refused | Closed | Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Bytes with a name; `chroma` is what they mean to Chroma itself, `gateway` what becomes of them here.

    `finish` ends the sending side after the bytes, `bodiless` says that the first reply answers HEAD.
    """

    name: str
    raw: Callable[[Scene], bytes]
    chroma: str
    gateway: Outcome
    finish: bool = False
    bodiless: bool = False


def ask(
    name: str,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Pairs = (),
    *,
    chroma: str,
    gateway: Outcome,
    token: bool = True,
    kind: tuple[str, str] | None = JSON,
    keep: bool = False,
) -> Attack:
    """Return an attack that is one well-framed request; `kind` is its content type where it has a body.

    It asks that the connection be closed, unless it is to `keep` it.
    """

    def raw(scene: Scene) -> bytes:
        fields: list[tuple[str, str | bytes]] = [("host", "kb")]
        fields += [] if keep else [("connection", "close")]
        fields += [("x-chroma-token", "{token}")] if token else []
        fields += [kind] if body is not None and kind else []
        fields += headers
        filled = [(each, scene.fill(value) if isinstance(value, str) else value) for each, value in fields]
        return rawhttp.request(method, scene.fill(target), filled, body)

    return Attack(name=name, raw=raw, chroma=chroma, gateway=gateway, bodiless=method == "HEAD")


# --- the bench ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bench:
    """A gateway with a tap behind it, the Chroma behind that, and how much of the log has been looked at."""

    gateway: Gateway
    tap: Tap
    port: int
    chroma: httpx.Client
    attacks: Sequence[Attack] = ()
    read: int = 0
    _scene: Scene | None = None
    _closed: dict[str, tuple[list[Reply], list[Leaf]]] = field(default_factory=dict)

    def scene(self) -> Scene:
        """Return a scene that nothing has happened to."""
        if self._scene is None or self._scene.state() != self._scene.kept:
            self._scene = Scene(self.chroma, self.gateway.issuer.token("reader"))
        return self._scene

    def entries(self, count: int) -> list[Leaf]:
        """Return the entries since the last look, once there are `count`; whatever comes beyond that is found, too.

        Aborted exchanges are left out: whether the service has heard of one before it ended is chance.
        """
        found = self._log()
        for _ in range(_PATIENCE):
            if len(found) >= self.read + count:
                break
            time.sleep(0.02)
            found = self._log()
        new, self.read = found[self.read :], len(found)
        return new

    def _log(self) -> list[Leaf]:
        return [leaf for leaf in read_leaves(self.gateway.audit) if leaf.end != "aborted"]

    def forwarded(self, since: int) -> list[Seen]:
        """Return what reached the database but for the gateway's own questions."""
        return [seen for seen in self.tap.seen[since:] if "/by-id/" not in seen.target]

    def directly(self, attack: Attack) -> str:
        """Return what an attack means to Chroma itself."""
        scene = self.scene()
        return meaning(scene, _replies(self.port, attack, scene))

    def check(self, attack: Attack) -> None:
        """Send an attack through the gateway and assert that it comes to its outcome."""
        if isinstance(attack.gateway, Closed):
            self._check_closed(attack, attack.gateway)
            return
        scene, since = self.scene(), len(self.tap.seen)
        replies = _replies(self.gateway.port, attack, scene)
        words, forwarded = meaning(scene, replies), self.forwarded(since)
        leaves = self.entries(2 if isinstance(attack.gateway, Decided) else 1)
        match attack.gateway:
            case Refused() as outcome:
                assert (words, forwarded) == (f"{outcome.status}{outcome.then}", []), (words, forwarded)
                (leaf,) = leaves
                is_refusal(leaf, outcome)
                if not attack.bodiless:
                    is_native(replies[0], outcome, leaf)
            case Decided() as outcome:
                assert words == (attack.chroma if outcome.means is None else outcome.means), words
                (seen,) = forwarded
                is_canonical(seen, outcome, scene)
                assert [leaf.kind for leaf in leaves] == ["intent", "outcome"]
                facts = [(fact.action, fact.collection) for leaf in leaves for fact in leaf.facts]
                assert facts == [(outcome.action, scene.collection(outcome.collection))] * 2, facts

    def _check_closed(self, attack: Attack, outcome: Closed) -> None:
        if not self._closed:
            scene = self.scene()
            every = [each for each in self.attacks if isinstance(each.gateway, Closed)]
            calls = {each.name: partial(_replies, self.gateway.port, each, scene) for each in every}
            self._closed = self.together(calls)
            assert scene.state() == scene.kept
        replies, (leaf,) = self._closed[attack.name]
        assert replies == []
        assert (leaf.kind, leaf.decision, leaf.reasons) == ("outcome", "deny", ("protocol_refused",)), leaf
        assert leaf.detail == {"envoy": outcome.envoy}, leaf.detail

    def together(self, calls: Mapping[str, Callable[[str], T]]) -> dict[str, tuple[T, list[Leaf]]]:
        """Make calls that are all refused before the service, at once; return what each gave and the entries that it left.

        A call is given the loopback address that it is to come from, by which its entries are known. Asserts that nothing
        reached the database.
        """
        since = len(self.tap.seen)
        sources = {name: f"127.1.1.{number}" for number, name in enumerate(calls, 1)}
        with ThreadPoolExecutor(len(calls)) as pool:
            said = {name: pool.submit(call, sources[name]) for name, call in calls.items()}
        leaves: defaultdict[str, list[Leaf]] = defaultdict(list)
        for leaf in self.entries(len(calls)):
            leaves[self._source(leaf)].append(leaf)
        assert self.tap.seen[since:] == []
        return {name: (said[name].result(), leaves[source]) for name, source in sources.items()}

    def _source(self, leaf: Leaf) -> str:
        key = keys.sealing_key(SecretFile(path=self.gateway.directory / "var" / "keys" / "sealing.key"))
        return open_private(self.gateway.audit, "worker-0", leaf.index, key).private.source


def is_refusal(leaf: Leaf, outcome: Refused) -> None:
    """Assert that an entry is the one of a refusal."""
    kind = "login_rejected" if outcome.status == 401 else "outcome"
    assert (leaf.kind, leaf.decision, leaf.reasons, leaf.end) == (kind, "deny", (outcome.code,), "denied"), leaf
    assert (leaf.status, leaf.detail) == (outcome.status, {"envoy": outcome.envoy} if outcome.envoy else {}), leaf


def is_native(reply: Reply, outcome: Refused, leaf: Leaf) -> None:
    """Assert that a reply is one clear error in Chroma's own form."""
    error: dict[str, Any] = json.loads(reply.body)
    assert reply.headers["content-type"] == "application/json"
    assert set(error) == {"error", "message"}
    assert error["message"].startswith(f"denied by Vecgate: {outcome.code} (exchange {leaf.exchange})")


def is_canonical(seen: Seen, outcome: Decided, scene: Scene) -> None:
    """Assert that what reached the database is the decided request, under the gateway's own credential."""
    assert f"{seen.method} {seen.target}" == scene.fill(outcome.sent), seen
    assert outcome.body is None or seen.body == outcome.body, seen
    names = [name for name, _ in seen.headers]
    assert set(names) <= _FORWARDED, names
    assert len(names) == len(set(names)), names
    assert dict(seen.headers)["x-chroma-token"] == RAW_KEY
    assert not any(mark in value for _, value in seen.headers for mark in ("\r", "\n", "\0", scene["token"])), seen


def _replies(port: int, attack: Attack, scene: Scene, source: str = "127.0.0.1") -> list[Reply]:
    with rawhttp.connected(port, source) as connection:
        connection.send(attack.raw(scene))
        if attack.finish:
            connection.finish()
        found: list[Reply] = []
        while len(found) < _MOST_REPLIES:
            reply = connection.reply(bodiless=attack.bodiless and not found)
            if reply is None:
                break
            found.append(reply)
        return found


@contextmanager
def bench(directory: Path, chroma: int, attacks: Sequence[Attack] = (), **changes: Any) -> Iterator[Bench]:
    """Run a gateway under an allow-all policy, so that whatever it does not refuse by itself reaches the tap."""
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{chroma}", trust_env=False) as client,
        tapped(chroma) as tap,
        running(directory, f"http://127.0.0.1:{tap.port}", workers=1, **changes) as gateway,
    ):
        client.post("/api/v2/tenants", json={"name": "acme"})
        client.post("/api/v2/tenants/acme/databases", json={"name": "people"})
        made = Bench(gateway=gateway, tap=tap, port=chroma, chroma=client, attacks=attacks)
        made.entries(0)
        yield made
