"""Chroma's filters and Conditions say the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc import operation
from extproc.errors import Error, Malformed, Unrecognised
from extproc.operation import CompoundCondition, Condition, FieldCondition, OpaqueCondition
from extproc.protocols.chroma_where import conjoined

_OPERATORS = {"eq": "$eq", "ne": "$ne", "lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte", "in": "$in", "nin": "$nin"}
_NAMES = st.text(min_size=1).filter(lambda name: not name.startswith(("$", "#", "chroma:")))
_SCALARS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans()
_FIELDS = st.builds(
    lambda operator, field, value: FieldCondition(operator=operator, field=field, value=value),
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
    _NAMES,
    _SCALARS,
) | st.builds(
    lambda operator, field, value: FieldCondition(operator=operator, field=field, value=tuple(value)),
    st.sampled_from(["in", "nin"]),
    _NAMES,
    st.lists(_SCALARS, min_size=1, max_size=3),
)
_OPAQUES = st.builds(
    lambda operator, field: OpaqueCondition(operator=operator, field=field),
    st.sampled_from(["contains", "not_contains", "regex", "not_regex"]),
    _NAMES,
)
_CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    _FIELDS | _OPAQUES,
    lambda inner: st.builds(
        lambda operator, value: CompoundCondition(operator=operator, value=tuple(value)),
        st.sampled_from(["and", "or"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def _where(condition: Condition) -> Any:
    """Return the filter that says `condition`."""
    match condition:
        case CompoundCondition(operator=operator, value=parts):
            return {f"${operator}": [_where(part) for part in parts]}
        case FieldCondition(operator=operator, field=field, value=value):
            return {field: {_OPERATORS[operator]: list(value) if isinstance(value, tuple) else value}}
        case OpaqueCondition(operator=operator, field=field):
            return {field: {f"${operator}": "something"}}


@given(_CONDITIONS)
def test_filter_says_the_condition(condition: Condition) -> None:
    """Every condition that Chroma can say is read back from its filter as itself."""
    assert condition == conjoined(_where(condition), None)


@given(_CONDITIONS, _CONDITIONS)
def test_every_field_in_a_filter_is_tested(one: Condition, other: Condition) -> None:
    """No field that a filter looks at is left out of the condition."""
    whole = conjoined({"$or": [_where(one), _where(other)]}, None)

    fields = operation.tested_fields
    assert fields(one) | fields(other) == fields(whole)


@pytest.mark.parametrize(
    ("where", "where_document", "expected"),
    [
        (None, None, None),
        ({"t": "x"}, None, FieldCondition(operator="eq", field="t", value="x")),
        ({"n": 1.0}, None, FieldCondition(operator="eq", field="n", value=1.0)),
        (None, {"$contains": "a"}, OpaqueCondition(operator="contains", field="document")),
        (None, {"$not_regex": "a"}, OpaqueCondition(operator="not_regex", field="document")),
        ({"#document": {"$contains": "a"}}, None, OpaqueCondition(operator="contains", field="document")),
        ({"#document": "a"}, None, FieldCondition(operator="eq", field="document", value="a")),
        ({"#id": {"$in": ["a"]}}, None, FieldCondition(operator="in", field="#id", value=("a",))),
        ({"tags": {"$contains": 1}}, None, OpaqueCondition(operator="contains", field="tags")),
        (
            None,
            {"$or": [{"$contains": "a"}, {"$regex": "b"}]},
            CompoundCondition(
                operator="or",
                value=(
                    OpaqueCondition(operator="contains", field="document"),
                    OpaqueCondition(operator="regex", field="document"),
                ),
            ),
        ),
        (
            {"t": "x"},
            {"$contains": "a"},
            CompoundCondition(
                operator="and",
                value=(
                    FieldCondition(operator="eq", field="t", value="x"),
                    OpaqueCondition(operator="contains", field="document"),
                ),
            ),
        ),
    ],
)
def test_forms_of_filters(where: Any, where_document: Any, expected: Condition | None) -> None:
    """Short and long forms, special keys and both filters together become one condition."""
    assert expected == conjoined(where, where_document)


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ({}, Malformed),
        ([], Malformed),
        ("t", Malformed),
        ({"t": "x", "n": 1}, Malformed),
        ({"t": None}, Malformed),
        ({"t": []}, Malformed),
        ({"t": {}}, Malformed),
        ({"t": {"$gt": 1, "$lt": 3}}, Malformed),
        ({"t": {"$eq": None}}, Malformed),
        ({"t": {"$eq": [1]}}, Malformed),
        ({"t": {"$eq": {"$eq": 1}}}, Malformed),
        ({"t": {"$in": []}}, Malformed),
        ({"t": {"$in": "x"}}, Malformed),
        ({"t": {"$in": [None]}}, Malformed),
        ({"t": {"$in": [["x"]]}}, Malformed),
        ({"t": {"$contains": ["x"]}}, Malformed),
        ({"$and": {}}, Malformed),
        ({"$and": []}, Malformed),
        ({"$or": []}, Malformed),
        ({"$and": [{}]}, Malformed),
        ({"t": {"$near": 1}}, Unrecognised),
        ({"t": {"eq": 1}}, Unrecognised),
        ({"t": {"$EQ": 1}}, Unrecognised),
        ({"$not": {"t": "x"}}, Unrecognised),
        ({"$AND": [{"t": "x"}]}, Unrecognised),
        ({"$contains": "x"}, Unrecognised),
        ({"#embedding": "x"}, Unrecognised),
        ({"#metadata": "x"}, Unrecognised),
    ],
)
def test_filter_that_is_not_understood(where: Any, kind: type[Error]) -> None:
    """A filter in another form is refused whole, at any depth; nothing in it is passed over."""
    for clause in (where, {"$or": [{"t": "x"}, where]}):
        with pytest.raises(kind):
            conjoined(clause, None)


@pytest.mark.parametrize("clause", [{}, {"$contains": ["x"]}, {"$contains": None}, {"$and": []}, {"$and": {}}, "x"])
def test_document_filter_that_is_malformed(clause: Any) -> None:
    """A filter on the text has one operator with one value, or joins such filters."""
    with pytest.raises(Malformed):
        conjoined(None, clause)


@pytest.mark.parametrize("clause", [{"$eq": "x"}, {"t": "x"}, {"#document": {"$contains": "x"}}])
def test_document_filter_on_something_else(clause: Any) -> None:
    """A filter on the text cannot be turned on a field."""
    with pytest.raises(Unrecognised):
        conjoined(None, clause)


@pytest.mark.parametrize("key", ["chroma:document", "chroma:uri", "chroma:anything"])
def test_bisection_of_the_text_under_the_servers_own_key(key: str) -> None:
    """The keys under which the server keeps the text and the URI would get round a mask on them, so they are refused."""
    with pytest.raises(Unrecognised) as caught:
        conjoined({"$and": [{key: {"$gt": "a"}}]}, None)

    assert caught.value.code == "field_unknown"


def test_stack_exhaustion_by_nested_joins() -> None:
    """A filter nested beyond the bound is malformed."""
    where: Any = {"t": "x"}
    for _ in range(300):
        where = {"$and": [where]}

    with pytest.raises(Malformed):
        conjoined(where, None)
