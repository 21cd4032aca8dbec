"""The builtins that a policy may use in process: those that are proven, case by case, to do what OPA's do.

The library gives *undefined* or a wrong value for builtins that it half has, and then a rule that denies never fires. So the
list holds only what `tests/engines/builtin_cases.yaml` shows to be equal, error cases included, and nothing that is not
deterministic or looks outside. A policy that needs more runs on the OPA engine. Names are OPA's.
"""

from __future__ import annotations

from typing import Final

NUMERIC: Final = frozenset({"lt", "lte", "gt", "gte"})
"""Comparisons that are proven for two numbers only; `plan` puts a guard before each."""

PROVEN: Final = NUMERIC | {
    "and",
    "array.concat",
    "array.reverse",
    "contains",
    "count",
    "endswith",
    "equal",
    "internal.member_2",
    "intersection",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "minus",
    "neq",
    "object.filter",
    "object.get",
    "object.keys",
    "object.remove",
    "object.subset",
    "or",
    "plus",
    "split",
    "startswith",
    "strings.any_prefix_match",
    "strings.any_suffix_match",
    "strings.reverse",
    "substring",
    "time.clock",
    "time.date",
    "time.weekday",
    "trim",
    "trim_left",
    "trim_prefix",
    "trim_right",
    "trim_suffix",
    "type_name",
    "union",
}

_INSTEAD: Final = {
    "assign": "an assignment with `:=`",
    "concat": "separate fields in the decision",
    "div": "`*` on the other side of the comparison",
    "glob.match": "`startswith`, `endswith` or `contains`",
    "indexof": "`contains`",
    "internal.member_3": "`some key, value in …`",
    "json.match_schema": "`is_string` and its like",
    "lower": "a set that holds every spelling",
    "max": "comparisons",
    "min": "comparisons",
    "net.cidr_contains": "`startswith` on `input.context.source`",
    "numbers.range": "`>=` and `<=`",
    "object.union": "an object comprehension",
    "regex.match": "`startswith`, `endswith` or `contains`",
    "rem": "`time.clock`, for times",
    "replace": "`split`",
    "sort": "a set",
    "sprintf": "reason codes as plain strings",
    "time.now_ns": "`input.context.time_ns`",
    "time.parse_rfc3339_ns": "nanoseconds in the data",
    "trim_space": "`trim`",
    "upper": "a set that holds every spelling",
    "walk": "an explicit path",
}


def refusal(name: str) -> str:
    """Return the sentence that says why the builtin `name` is refused, and what to write in its place."""
    instead = f"write {_INSTEAD[name]}" if name in _INSTEAD else "do without it"
    return f"the builtin {name} is not proven for the embedded engine: {instead}"
