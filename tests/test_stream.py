"""The lawful order of one stream, by enumeration: nothing here does I/O."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.errors import Malformed, StreamError, TooLarge, UpstreamError
from extproc.events import Body, Closing, Event, Head, Opening, Request, Response, Side, Trailers, Whole
from extproc.stream import State, Stream

LIMIT = 8


def request_head(*, ends: bool) -> Head:
    """Return a request's head."""
    return Head(side=Side.REQUEST, fields=((":method", b"POST"), (":path", b"/p")), end_of_stream=ends)


def response_head(*, ends: bool) -> Head:
    """Return a response's head."""
    return Head(side=Side.RESPONSE, fields=((":status", b"200"),), end_of_stream=ends)


EVENTS: tuple[Event, ...] = (
    request_head(ends=False),
    request_head(ends=True),
    Body(side=Side.REQUEST, data=b"ask"),
    Trailers(side=Side.REQUEST),
    response_head(ends=False),
    response_head(ends=True),
    Body(side=Side.RESPONSE, data=b"answer"),
    Trailers(side=Side.RESPONSE),
)


def play(events: tuple[Event, ...]) -> list[type[Whole] | None]:
    """Return the kinds of what became whole at each event."""
    stream = Stream(max_body=LIMIT)
    return [None if whole is None else type(whole) for whole in map(stream.receive, events)]


@pytest.mark.parametrize(
    ("events", "wholes"),
    [
        ((EVENTS[0], EVENTS[2], EVENTS[4], EVENTS[6]), [Opening, Request, None, Response]),
        ((EVENTS[1], EVENTS[4], EVENTS[6]), [Request, None, Response]),
        ((EVENTS[1], EVENTS[5]), [Request, Response]),
        ((EVENTS[0], EVENTS[5]), [Opening, Response]),
        ((EVENTS[0], EVENTS[4], EVENTS[6]), [Opening, None, Response]),
        ((EVENTS[4], EVENTS[6]), [None, Response]),
        ((EVENTS[5],), [Response]),
        ((EVENTS[0], EVENTS[2], EVENTS[4], EVENTS[6], EVENTS[7]), [Opening, Request, None, Response, Closing]),
        ((EVENTS[1], EVENTS[4], EVENTS[7]), [Request, None, Response]),
    ],
    ids=[
        "both with bodies",
        "no request body",
        "no bodies",
        "cut off",
        "cut off with a body",
        "unasked",
        "unasked and empty",
        "trailers behind a body",
        "trailers in the place of a body",
    ],
)
def test_each_lawful_order_gives_whole_messages(events: tuple[Event, ...], wholes: list[type[Whole] | None]) -> None:
    """The ways in which an exchange may go each have one whole response."""
    assert play(events) == wholes


def test_trailers_in_the_place_of_a_body_are_a_part_of_the_response() -> None:
    """A response of a head and trailers is whole with them; behind a body they close it."""
    fields = (("grpc-status", b"5"),)
    stream = Stream(max_body=LIMIT)
    stream.receive(response_head(ends=False))
    whole = stream.receive(Trailers(side=Side.RESPONSE, fields=fields))

    assert isinstance(whole, Response)
    assert (whole.body, whole.trailers) == (b"", fields)


@pytest.mark.parametrize("before", [(EVENTS[5],), (EVENTS[4], EVENTS[6], EVENTS[7]), (EVENTS[4], EVENTS[7])])
def test_nothing_comes_behind_trailers_or_a_head_that_ended_the_response(before: tuple[Event, ...]) -> None:
    """Trailers come once, and not where the head said that it was all."""
    stream = Stream(max_body=LIMIT)
    for event in before:
        stream.receive(event)

    with pytest.raises(StreamError):
        stream.receive(Trailers(side=Side.RESPONSE))


def test_every_sequence_of_up_to_five_events_is_lawful_or_refused() -> None:
    """Of all sequences, each either follows the law or fails at its first unlawful event and takes nothing more after it."""
    lawful = 0
    for length in range(1, 6):
        for events in itertools.product(EVENTS, repeat=length):
            stream, seen = Stream(max_body=LIMIT), list[Whole | None]()
            try:
                seen.extend(map(stream.receive, events))
            except (StreamError, Malformed):
                assert stream.state is State.FAILED
                with pytest.raises(StreamError):
                    stream.receive(events[0])
            else:
                lawful += 1
            kinds = [type(whole) for whole in seen if whole is not None]
            assert kinds.count(Request) <= 1
            assert kinds.count(Response) <= 1
            assert Request not in kinds[kinds.index(Response) :] if Response in kinds else True

    assert lawful == 23


@pytest.mark.parametrize("before", [EVENTS[:1], (EVENTS[1],), (EVENTS[0], EVENTS[2])])
def test_a_request_with_trailers_is_refused_wherever_they_come(before: tuple[Event, ...]) -> None:
    """Trailers end a request without a body message: it would pass on what was said to its head alone."""
    stream = Stream(max_body=LIMIT)
    for event in before:
        stream.receive(event)

    with pytest.raises(Malformed) as caught:
        stream.receive(Trailers(side=Side.REQUEST))
    assert caught.value.code == "trailers_unsupported"


@given(size=st.integers(0, 2 * LIMIT), side=st.sampled_from(Side))
def test_a_body_over_the_limit_is_refused_on_either_side(size: int, side: Side) -> None:
    """A body of the limit's size passes; one byte more is too large and says whose it is."""
    stream = Stream(max_body=LIMIT)
    head = request_head(ends=False) if side is Side.REQUEST else response_head(ends=False)
    stream.receive(head)

    if size <= LIMIT:
        whole = stream.receive(Body(side=side, data=bytes(size)))
        assert isinstance(whole, Request | Response)
        assert len(whole.body) == size
    else:
        with pytest.raises((TooLarge, UpstreamError)) as caught:
            stream.receive(Body(side=side, data=bytes(size)))
        assert caught.value.code == ("request_too_large" if side is Side.REQUEST else "answer_too_large")


@pytest.mark.parametrize("status", [b"", b"20", b"2000", b"2x0", "²00".encode()])
def test_a_response_without_a_plain_status_fails(status: bytes) -> None:
    """A status that is not three ASCII digits is an error, never a guess."""
    with pytest.raises(StreamError):
        Stream(max_body=LIMIT).receive(Head(side=Side.RESPONSE, fields=((":status", status),), end_of_stream=True))


@pytest.mark.parametrize("ends", [True, False])
def test_a_request_without_a_target_is_refused(*, ends: bool) -> None:
    """CONNECT has none over HTTP/2; it gets a native refusal, and nothing is taken after it."""
    stream = Stream(max_body=LIMIT)
    with pytest.raises(Malformed) as caught:
        stream.receive(Head(side=Side.REQUEST, fields=((":method", b"CONNECT"),), end_of_stream=ends))

    assert (caught.value.code, stream.state) == ("target_missing", State.FAILED)


@pytest.mark.parametrize(("name", "count"), [(":method", 0), (":method", 2), (":path", 2)])
def test_doubled_pseudo_fields_fail(name: str, count: int) -> None:
    """A request with no method, or with two methods or paths, is an error: each reader would pick another one."""
    fields = [(":method", b"GET"), (":path", b"/")]
    kept = [field for field in fields if field[0] != name] + [(name, b"x")] * count

    with pytest.raises(StreamError):
        Stream(max_body=LIMIT).receive(Head(side=Side.REQUEST, fields=tuple(kept), end_of_stream=True))
