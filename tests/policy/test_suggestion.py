"""Drafted grants: whoever did something may do it, under the library's rules, and may do it nowhere else."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from extproc.decision import Input
from extproc.policy.suggestion import Seen, draft
from support.asking import asked
from support.policies import AUTHORIZATION, LIBRARY, SCHEMAS, STARTER, Policy, decisions, embedded, run

REST = {name: value for name, value in STARTER.data.items() if name not in {"permissions", "roles"}}


def did(who: str, roles: tuple[str, ...], action: str = "search", collection: str | None = "tickets", **changes: Any) -> Input:
    """Return what somebody asked and was given."""
    found = asked(roles=roles, action=action, collection=collection, selector=changes.pop("selector", "ids"))
    names = (collection,) if collection else ()
    return replace(
        found,
        principal=replace(found.principal, id=who),
        operation=replace(found.operation, reads=names, namespace="t/d", **changes),
    )


def seen(*inputs: Input) -> Seen:
    """Return what was seen."""
    found = Seen()
    for each in inputs:
        found.add(each)
    return found


def granted(found: Seen) -> dict[str, set[tuple[str, str, tuple[str, ...]]]]:
    """Return what each role is given: action, selector, collections."""
    return {role: {(act.action, act.selector, act.collections) for act in acts} for role, acts in found.grants().items()}


def test_it_is_given_to_the_role_that_the_fewest_others_hold() -> None:
    """What one of two employees did as a writer is nothing for all employees."""
    found = seen(
        did("ana", ("employee", "writer"), "upsert"),
        did("ben", ("employee",), "search"),
        did("ana", ("employee", "writer"), "search"),
    )

    assert granted(found) == {
        "writer": {("upsert", "ids", ("tickets",))},
        "employee": {("search", "ids", ("tickets",))},
    }


def test_who_has_no_role_and_what_is_called_like_a_pattern_are_told_and_given_nothing() -> None:
    """A grant for either would be for everybody, or for everything that is called so."""
    text = draft(seen(did("ana", ()), did("ben", ("reader",), collection="tickets*"), did("cyd", ("reader",))))

    assert "# 1 callers without any role are given nothing; they did search." in text
    assert "# 1 operations on names that end in a star are left out" in text
    assert yaml.safe_load(text)["vecgate"]["roles"] == {"reader": {"permissions": ["reader_tickets"]}}


def test_names_of_permissions_are_told_apart_and_are_names() -> None:
    """Whatever roles and collections are called, also what YAML would take for something else."""
    inputs = [
        did(f"holder of {role}", (role,), collection=name) for role in ("a b", "a_b", "null") for name in ("x: y", "x  y", "{}")
    ]
    document = yaml.safe_load(draft(seen(*inputs)))["vecgate"]
    listed = [name for role in document["roles"].values() for name in role["permissions"]]

    assert set(document["roles"]) == {"a b", "a_b", "null"}
    assert sorted(listed) == sorted(document["permissions"])
    assert {name for each in document["permissions"].values() for name in each["collections"]} == {"x: y", "x  y", "{}"}


def test_a_draft_of_nothing_is_empty_data() -> None:
    """It loads, and grants nothing."""
    assert yaml.safe_load(draft(Seen())) == {"vecgate": {"permissions": {}, "roles": {}}}


ROLES = st.sets(st.sampled_from(["reader", "writer", "admin"])).map(lambda roles: tuple(sorted(roles)))
ACTS = st.builds(did, st.sampled_from(["ana", "ben", "cyd"]), ROLES, st.sampled_from(["search", "upsert", "count"]))


@given(st.lists(ACTS))
def test_everybody_with_a_role_is_covered_and_no_role_is_given_what_none_of_its_holders_did(inputs: list[Input]) -> None:
    """Whatever was seen, in whatever order."""
    given_to = granted(seen(*inputs))
    roles: dict[tuple[str, str], set[str]] = {}
    for each in inputs:
        roles.setdefault((each.principal.id, each.operation.action), set()).update(each.principal.roles)

    for (_, action), held in roles.items():
        assert not held or any(action in {act for act, _, _ in given_to.get(role, ())} for role in held)
    for role, acts in given_to.items():
        for action, _, _ in acts:
            assert any(role in held for (_, did_action), held in roles.items() if did_action == action)


def policy(folder: Path, found: Seen) -> Policy:
    """Return the policy of a draft, the rest of its data beside it."""
    (folder / "policy").mkdir()
    document = yaml.safe_load(draft(found))
    document["vecgate"] |= REST
    (folder / "policy" / "data.yaml").write_text(yaml.safe_dump(document))
    return Policy(folder / "policy", LIBRARY)


def test_a_draft_allows_what_was_seen_and_nothing_beside_it_on_both_engines(opa: str, tmp_path: Path) -> None:
    """The library allows exactly what was done: role, action, collection, selector and namespace."""
    done = [
        did("ana", ("writer",), "upsert"),
        did("ana", ("writer",), "search", "drafts"),
        did("ben", ("reader",), "search", selector="filter"),
        did("ben", ("reader",), "search", "news"),
        did("ben", ("reader",), "user_read", None, scope="instance", selector="none"),
        did("cyd", ("ops", "reader"), "delete_records", "news"),
    ]
    made = policy(tmp_path, seen(*done))
    every = [
        did(who, (role,), action, name, selector=selector)
        for (who, role), action, name, selector in product(
            [("ana", "writer"), ("ben", "reader"), ("cyd", "ops")],
            ["search", "upsert", "delete_records", "scroll"],
            ["tickets", "drafts", "news", "other"],
            ["ids", "filter", "all"],
        )
    ]
    elsewhere = [replace(each, operation=replace(each.operation, namespace="t/other")) for each in done]
    expected = {
        ("writer", "upsert", "tickets", "ids"),
        ("writer", "search", "drafts", "ids"),
        ("reader", "search", "tickets", "filter"),
        ("reader", "search", "news", "ids"),
        ("ops", "delete_records", "news", "ids"),
    }

    asked_for = [*done, *every, *elsewhere]
    one, other = embedded(made, AUTHORIZATION, asked_for), decisions(opa, tmp_path, made, AUTHORIZATION, asked_for)
    verdicts = [each.allow for each in one]
    through = {
        (each.principal.roles[0], each.operation.action, each.operation.collection, each.operation.selector)
        for each, allow in zip(asked_for[len(done) : len(done) + len(every)], verdicts[len(done) :], strict=False)
        if allow
    }

    assert verdicts == [each.allow for each in other]
    assert verdicts[: len(done)] == [True] * len(done)
    assert through == expected
    assert verdicts[len(done) + len(every) :] == [False] * len(elsewhere)


def test_a_draft_passes_opas_check_and_the_librarys_tests(opa: str, tmp_path: Path) -> None:
    """As `docs/policy.md` has an author check a policy on the library."""
    made = policy(tmp_path, seen(did("ana", ("writer",), "upsert"), did("ben", ("reader",), "search")))

    run(opa, "check", "--strict", "--schema", str(SCHEMAS), *made.for_opa)
    run(opa, "test", "--schema", str(SCHEMAS), *made.for_opa)
