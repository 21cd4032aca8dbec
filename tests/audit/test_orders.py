"""What a worker and its clerk say to each other comes out as it went in, however the bytes are cut."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.audit import orders
from extproc.audit.orders import Append, Close, Flush, Frames, Origin
from extproc.errors import AuditError
from support.evidence import entry

SPAN = Origin(started=5, traceparent="00-x", principal="p")
ORDERS = (Append(entry=entry(1), span=SPAN), Append(entry=entry(2, body=bytes(range(256)))), Flush(), Close())


@given(cuts=st.lists(st.integers(min_value=1, max_value=4000)))
def test_frames_are_found_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    """Orders come out whole and in order."""
    data = b"".join(orders.frame(order) for order in ORDERS)
    frames, found = Frames(), []
    for length in [*cuts, len(data)]:
        frames.feed(data[:length])
        data = data[length:]
        found += [orders.read_order(content) for content in frames]

    assert list(ORDERS) == found


def test_a_frame_of_no_possible_length_is_refused() -> None:
    """A length beyond any entry's is not waited for."""
    frames = Frames()
    frames.feed(b"\xff\xff\xff\xff")

    with pytest.raises(AuditError):
        frames.next()


def test_an_entry_that_has_no_utf_8_form_is_refused() -> None:
    """Half of a surrogate pair, which JSON cannot carry, is an error to whoever appends it and nobody else."""
    with pytest.raises(AuditError):
        orders.frame(Append(entry=msgspec.structs.replace(entry(), exchange="\ud800")))
