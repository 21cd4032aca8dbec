"""What must hold after workers were killed under load, as questions to what clients, the database and the disk say of it.

Each function returns findings: a sentence for each thing that should not be. Pure; what is compared was gathered elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.evidence import Kept, Wreck

_SUCCESS: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a client got for the request that it marked with `marker`.

    `status` is None where the connection broke. `native` says that the gateway itself made the answer or let it through, and
    `leaked` that a planted value was in what came, whole or not.
    """

    marker: str
    status: int | None
    kind: str
    native: bool
    leaked: bool

    @property
    def success(self) -> bool:
        """Whether the client takes it for an answer of the database."""
        return self.status in _SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request at the database, and how many entries each worker had on the disk when it came."""

    marker: str
    target: str
    counts: Mapping[str, int]


def every_success_is_on_record(answers: Iterable[Answer], entries: Iterable[Kept]) -> Iterator[str]:
    """For each 2xx there is one intent and one outcome of one exchange, and they say what the client saw."""
    by_marker = _by_marker(entries)
    for answer in answers:
        if not answer.success:
            continue
        found = by_marker[answer.marker]
        if [entry.leaf["kind"] for entry in found] != ["intent", "outcome"]:
            yield f"{answer.marker}: a {answer.status} stands on {[entry.leaf['kind'] for entry in found]}"
            continue
        intent, outcome = (entry.leaf for entry in found)
        if intent["exchange"] != outcome["exchange"]:
            yield f"{answer.marker}: intent and outcome are of two exchanges"
        if (outcome["end"], outcome["status"]) != ("delivered", answer.status):
            yield f"{answer.marker}: {outcome['end']} {outcome['status']} is on record, the client got {answer.status}"


def every_refusal_is_on_record(answers: Iterable[Answer], entries: Iterable[Kept]) -> Iterator[str]:
    """For each 4xx there is one entry, which names that status."""
    by_marker = _by_marker(entries)
    for answer in answers:
        if answer.status is None or answer.success or not answer.native or answer.status >= 500:
            continue
        found = [(entry.leaf["kind"], entry.leaf["status"]) for entry in by_marker[answer.marker]]
        if found not in ([("outcome", answer.status)], [("login_rejected", answer.status)]):
            yield f"{answer.marker}: a {answer.status} stands on {found}"


def nothing_leaked(answers: Iterable[Answer]) -> Iterator[str]:
    """No planted value was in anything that a client received."""
    for answer in answers:
        if answer.leaked:
            yield f"{answer.marker}: a planted value came out with {answer.kind}"


def no_exchange_is_told_twice(entries: Iterable[Kept]) -> Iterator[str]:
    """No exchange has two intents or two outcomes, and what was begun by one worker is not ended by another."""
    exchanges: defaultdict[str, list[Kept]] = defaultdict(list)
    for entry in entries:
        if entry.leaf["exchange"]:
            exchanges[entry.leaf["exchange"]].append(entry)
    for exchange, found in exchanges.items():
        kinds = [entry.leaf["kind"] for entry in found]
        if len(set(kinds)) < len(kinds) or len({entry.worker for entry in found}) > 1:
            yield f"exchange {exchange}: {kinds} of {sorted({entry.worker for entry in found})}"


def nothing_arrived_before_its_intent(arrivals: Iterable[Arrival], entries: Iterable[Kept]) -> Iterator[str]:
    """When a request reached the database, its intent stood in the log already."""
    intents = {entry.user_agent: entry for entry in entries if entry.leaf["kind"] == "intent"}
    seen: set[str] = set()
    for arrival in arrivals:
        intent = intents.get(arrival.marker)
        if intent is None:
            yield f"{arrival.marker}: reached the database at {arrival.target} without an intent"
        elif arrival.counts.get(intent.worker, 0) <= intent.leaf["index"]:
            yield f"{arrival.marker}: reached the database before its intent was on the disk of {intent.worker}"
        if arrival.marker in seen:
            yield f"{arrival.marker}: reached the database twice"
        seen.add(arrival.marker)


def starts_tell_what_was_put_right(wrecks: Sequence[Wreck], entries: Iterable[Kept]) -> Iterator[str]:
    """The first entry after a kill is a start, and names what a look at the files had found in between."""
    by_place = {(entry.worker, entry.leaf["index"]): entry.leaf for entry in entries}
    # A successor that was killed before its first entry left another wreck at the same index; only the last one counts.
    last = {(wreck.worker, wreck.following): wreck for wreck in wrecks}
    for place, wreck in last.items():
        leaf = by_place.get(place)
        if leaf is None or leaf["kind"] != "start":
            yield f"{place}: after a kill comes {leaf and leaf['kind']} and not a start"
            continue
        found = {"recovered_torn": wreck.torn, "recovered_restored": wreck.restored}
        told = {name: int(text) for name, text in leaf["detail"].items() if name.startswith("recovered_")}
        if told != {name: count for name, count in found.items() if count}:
            yield f"{place}: the start tells {told}, the files said {found}"


def unfinished(entries: Iterable[Kept]) -> list[str]:
    """Return the markers of requests that have an intent and no outcome: those whose worker died on them."""
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for entry in entries:
        kinds[entry.user_agent].add(entry.leaf["kind"])
    return [marker for marker, found in kinds.items() if found == {"intent"}]


def _by_marker(entries: Iterable[Kept]) -> defaultdict[str, list[Kept]]:
    found: defaultdict[str, list[Kept]] = defaultdict(list)
    for entry in entries:
        found[entry.user_agent].append(entry)
    return found
