"""A field that is hidden in the answer may not be asked about in the request.

Whoever may filter, order or group by a masked field reads it out by bisection: is it less than m, less than g, ... So a field
under a mask may not stand in the client's own conditions, nor one that holds it or that it holds. The policy's own filter may
test what it likes: the client does not choose it. Pure.
"""

from __future__ import annotations

from extproc.decision import Terms
from extproc.errors import Denied
from extproc.obligations.fields import parse
from extproc.operation import Operation, tested_fields


def refuse_masked_predicates(operation: Operation, terms: Terms) -> None:
    """Raise `Denied` (``masked_field_predicate``) where `operation` tests a field that `terms` mask or search for values."""
    hidden = [text for text, _ in terms.masks]
    hidden += [text for detect in terms.detects for text in detect.fields]
    if not hidden:
        return
    # `tests` holds what `filter` looks at; both are read, so that a gap in an adapter's list is not a hole in the mask.
    tested = {*operation.tests, *tested_fields(operation.filter)}
    if tested and any(parse(text).touches(field) for text in hidden for field in tested):
        raise Denied("the request filters, orders or groups by a field that is masked", code="masked_field_predicate")
