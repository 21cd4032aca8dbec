"""The frames between the engine and its process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from extproc.engines.frames import Kind, receive, send


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return two connected sockets."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_a_frame_arrives_whole(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    """A frame of any size is read as it was sent, however many pieces it came in."""
    one, other = pair
    sender = threading.Thread(target=send, args=(one, Kind.INPUT, b"x" * size))
    sender.start()
    frame = receive(other)
    sender.join()

    assert frame == (Kind.INPUT, b"x" * size)


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0\5I", b"\0\0\0\5Iabc"])
def test_a_frame_that_is_cut_off_is_the_end(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    """Whoever goes in the middle of a frame has said nothing."""
    one, other = pair
    one.sendall(sent)
    one.shutdown(socket.SHUT_WR)

    assert receive(other) is None


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xffI", b"\0\0\0\0?"])
def test_what_is_no_frame_is_refused(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    """A length beyond all measure and an unknown kind are errors."""
    one, other = pair
    one.sendall(sent)

    with pytest.raises(ValueError, match=r"is not a valid Kind|too long"):
        receive(other)
