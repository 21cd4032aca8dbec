"""Attacks by where a body ends: chunks, codings of the transfer, lengths.

Behind each comes a probe on the same connection: whoever takes the attack for longer or shorter does not answer it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.rawhttp import chunked
from support.smuggling import PROBE, Attack, Bench, Closed, Decided, Outcome, Refused, bench

pytestmark = pytest.mark.envoy

ONE = b'{"limit":1}'
READ = Decided(action="scroll", collection="tickets", sent="POST {records}/get", body=ONE, means="200 shows tickets | 200")
CODEC = Closed(envoy="http1.codec_error")
TWO_LENGTHS = Closed(envoy="http1.content_length_and_chunked_not_allowed")
NO_CODING = Closed(envoy="http1.invalid_transfer_encoding")
CHARACTERS = Closed(envoy="http1.invalid_characters")
UNDERSCORE = Closed(envoy="http1.unexpected_underscore")
BOTH = "200 shows tickets | 200"
UNREADABLE = "400"


@pytest.fixture(scope="module")
def stage(chroma: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run a gateway in front of the real Chroma."""
    with bench(tmp_path_factory.mktemp("smuggling"), chroma, tuple(ATTACKS.values())) as found:
        yield found


def framed(name: str, lines: bytes, body: bytes, chroma: str, gateway: Outcome, *, start: str = "POST {records}/get") -> Attack:
    """Return an attack by the header `lines` about a body; a probe comes behind it."""
    head = f"{start} HTTP/1.1\r\nhost: kb\r\nx-chroma-token: {{token}}\r\ncontent-type: application/json\r\n"
    return Attack(
        name=name,
        raw=lambda scene: scene.fill(head).encode() + lines + b"\r\n\r\n" + body + PROBE,
        chroma=chroma,
        gateway=gateway,
    )


def pieces(name: str, body: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by a chunked body."""
    return framed(name, b"transfer-encoding: chunked", body, chroma, gateway)


def coded(name: str, lines: bytes, chroma: str, gateway: Outcome, body: bytes = chunked(ONE)) -> Attack:
    """Return an attack by what is said about the transfer's coding."""
    return framed(name, lines, body, chroma, gateway)


def long(name: str, lines: bytes, chroma: str, gateway: Outcome) -> Attack:
    """Return an attack by what is said about the body's length."""
    return framed(name, lines, ONE, chroma, gateway)


CHUNKS = [
    pieces("chunks", chunked(ONE[:4], ONE[4:]), BOTH, READ),
    pieces("chunk extensions", b'b;a=b;c="d"\r\n' + ONE + b"\r\n0;x\r\n\r\n", BOTH, READ),
    pieces("chunk length with leading zeros", b"0000B\r\n" + ONE + b"\r\n0\r\n\r\n", BOTH, READ),
    pieces("chunk length with a space", b"b \r\n" + ONE + b"\r\n0\r\n\r\n", BOTH, READ),
    # Envoy drops the trailers of HTTP/1.1; Chroma takes the request and closes the connection.
    pieces("trailers", b"b\r\n" + ONE + b"\r\n0\r\nx-chroma-token: abc\r\n\r\n", "200 shows tickets", READ),
    pieces("trailer with a length", b"b\r\n" + ONE + b"\r\n0\r\ncontent-length: 3\r\n\r\n", "200 shows tickets", READ),
    pieces("hexadecimal mark", b"0xb\r\n" + ONE + b"\r\n0\r\n\r\n", UNREADABLE, CODEC),
    pieces("negative chunk", b"-1\r\n" + ONE + b"\r\n0\r\n\r\n", UNREADABLE, CODEC),
    pieces("signed chunk", b"+b\r\n" + ONE + b"\r\n0\r\n\r\n", UNREADABLE, CODEC),
    pieces("chunk length beyond 64 bits", b"1000000000000000b\r\n" + ONE + b"\r\n0\r\n\r\n", UNREADABLE, CODEC),
    pieces("chunks with bare line feeds", b"b\n" + ONE + b"\n0\n\n", UNREADABLE, CODEC),
    pieces("extension with a bare line feed", b"b;\n" + ONE + b"\r\n0\r\n\r\n", UNREADABLE, CODEC),
    pieces("chunk longer than said", b"b\r\n" + ONE + b"XX0\r\n\r\n", UNREADABLE, CODEC),
]

CODINGS = [
    coded("length, then chunks", b"content-length: 4\r\ntransfer-encoding: chunked", BOTH, TWO_LENGTHS),
    coded("chunks, then length", b"transfer-encoding: chunked\r\ncontent-length: 4", BOTH, TWO_LENGTHS),
    coded(
        "length over an empty chunk", b"content-length: 5\r\ntransfer-encoding: chunked", "400 | 200", TWO_LENGTHS, b"0\r\n\r\n"
    ),
    coded("identity", b"transfer-encoding: identity", UNREADABLE, NO_CODING, ONE),
    coded("identity and a length", b"transfer-encoding: identity\r\ncontent-length: 11", UNREADABLE, TWO_LENGTHS, ONE),
    coded("identity, chunked", b"transfer-encoding: identity, chunked", BOTH, NO_CODING),
    coded("gzip, chunked", b"transfer-encoding: gzip, chunked", BOTH, NO_CODING),
    coded("chunked, gzip", b"transfer-encoding: chunked, gzip", UNREADABLE, NO_CODING),
    coded("chunked twice", b"transfer-encoding: chunked\r\ntransfer-encoding: chunked", BOTH, NO_CODING),
    coded("chunked, then identity", b"transfer-encoding: chunked\r\ntransfer-encoding: identity", UNREADABLE, NO_CODING),
    coded("space before the colon", b"transfer-encoding : chunked\r\ncontent-length: 11", UNREADABLE, CODEC, ONE),
    coded("xchunked", b"transfer-encoding: xchunked\r\ncontent-length: 11", UNREADABLE, TWO_LENGTHS, ONE),
    coded("chunked in quotes", b'transfer-encoding: "chunked"\r\ncontent-length: 11', UNREADABLE, TWO_LENGTHS, ONE),
    coded("chunked with a parameter", b"transfer-encoding: chunked;q=1\r\ncontent-length: 11", UNREADABLE, TWO_LENGTHS, ONE),
    coded("empty coding", b"transfer-encoding: \r\ncontent-length: 11", UNREADABLE, TWO_LENGTHS, ONE),
    coded("vertical tab", b"transfer-encoding: \x0bchunked\r\ncontent-length: 11", UNREADABLE, CHARACTERS, ONE),
    coded("folded coding", b"transfer-encoding:\r\n chunked\r\ncontent-length: 11", UNREADABLE, TWO_LENGTHS, ONE),
    coded("coding with an underscore", b"transfer_encoding: chunked\r\ncontent-length: 11", BOTH, UNDERSCORE, ONE),
    coded(
        "coding behind a bare line feed",
        b"x-a: b\ntransfer-encoding: chunked\r\ncontent-length: 11",
        UNREADABLE,
        TWO_LENGTHS,
        ONE,
    ),
    # A bare carriage return ends no line for Envoy, and it lets none go on; what stands behind it is part of a dropped field.
    coded(
        "coding behind a bare carriage return",
        b"x-a: b\rtransfer-encoding: chunked\r\ncontent-length: 11",
        UNREADABLE,
        READ,
        ONE,
    ),
    coded(
        "coding in the line of the content type",
        b" transfer-encoding: chunked\r\ncontent-length: 11",
        UNREADABLE,
        Refused(code="content_unsupported", status=415, then=" | 200"),
        ONE,
    ),
    coded("tab before the coding", b"transfer-encoding:\tchunked", BOTH, READ),
    coded("spaces behind the coding", b"transfer-encoding: chunked  ", BOTH, READ),
    coded("upper-case coding", b"Transfer-Encoding: CHUNKED", BOTH, READ),
]

LENGTHS = [
    long("leading zeros", b"content-length: 0011", BOTH, READ),
    long("two different lengths", b"content-length: 11\r\ncontent-length: 12", UNREADABLE, CODEC),
    long("the same length twice", b"content-length: 11\r\ncontent-length: 11", BOTH, CODEC),
    long("a list of one length", b"content-length: 11, 11", UNREADABLE, CODEC),
    long("a list of lengths", b"content-length: 11, 12", UNREADABLE, CODEC),
    long("negative length", b"content-length: -11", UNREADABLE, CODEC),
    long("signed length", b"content-length: +11", UNREADABLE, CODEC),
    long("hexadecimal length", b"content-length: 0xb", UNREADABLE, CODEC),
    long("length in two words", b"content-length: 1 1", UNREADABLE, CODEC),
    long("length with a point", b"content-length: 11.0", UNREADABLE, CODEC),
    long("length beyond 64 bits", b"content-length: 18446744073709551627", UNREADABLE, CODEC),
    long("empty length", b"content-length: ", UNREADABLE, CODEC),
    long("length with an underscore", b"content_length: 11", "400 | 400", UNDERSCORE),
    long("space before the colon of a length", b"content-length : 11", UNREADABLE, CODEC),
    framed(
        "deletion as the body of a GET",
        b"content-length: 3",
        b"{}\n",
        "200 | 200",
        Refused(code="body_unexpected", status=400),
        start="GET /api/v2/version",
    ),
]

THEMES = (CHUNKS, CODINGS, LENGTHS)
ATTACKS = {each.name: each for theme in THEMES for each in theme}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_an_attack_by_framing(stage: Bench, name: str) -> None:
    """It means to Chroma what is pinned here; Envoy or the service refuses it on record, or it goes on as it was decided."""
    attack = ATTACKS[name]

    assert stage.directly(attack) == attack.chroma
    stage.check(attack)


def test_every_attack_has_a_name_of_its_own() -> None:
    """No attack is lost by having another's name."""
    assert len(ATTACKS) == sum(map(len, THEMES))
