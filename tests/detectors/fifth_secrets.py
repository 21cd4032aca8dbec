"""Keys of services and addresses of coins of the fifth part: made up, with the check signs that real ones have. They know no sentence."""

from __future__ import annotations

import hashlib
import string
import zlib
from random import Random

ALNUM = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_LANES = [(x, y) for x in range(5) for y in range(5)]
_MASK = (1 << 64) - 1


def signs(rng: Random, alphabet: str, count: int) -> str:
    """As many signs of an alphabet."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def hexadecimal(rng: Random, count: int) -> str:
    """As many hexadecimal digits."""
    return signs(rng, "0123456789abcdef", count)


def _web(rng: Random, count: int) -> str:
    return signs(rng, f"{ALNUM}-_", count - 1) + rng.choice(ALNUM)


def _checked(rng: Random, prefix: str) -> str:
    body = signs(rng, ALNUM, 30)
    rest, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, at = divmod(rest, 62)
        check = ALNUM[at] + check
    return f"{prefix}{body}{check}"


def aws(rng: Random) -> str:
    """An access key's identifier of AWS."""
    return "AKIA" + signs(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)


def aws_secret(rng: Random) -> str:
    """A secret access key of AWS."""
    return signs(rng, f"{ALNUM}+/", 39) + rng.choice(ALNUM)


def github(rng: Random) -> str:
    """A personal token of GitHub."""
    return _checked(rng, "ghp_")


def google(rng: Random) -> str:
    """A key of Google's interfaces."""
    return "AIza" + _web(rng, 35)


def slack(rng: Random) -> str:
    """A token of a bot of Slack."""
    return f"xoxb-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**12, 10**13)}-{signs(rng, ALNUM, 24)}"


def stripe(rng: Random) -> str:
    """A secret key of Stripe."""
    return rng.choice(("sk_live_", "rk_live_")) + signs(rng, ALNUM, 24)


def shaped_key(rng: Random) -> str:
    """A key that shows by its beginning what it is."""
    makers = (
        aws,
        github,
        google,
        slack,
        stripe,
        lambda rng: f"sk-ant-api03-{_web(rng, 93)}AA",
        lambda rng: f"sk-{signs(rng, ALNUM, 20)}T3BlbkFJ{signs(rng, ALNUM, 20)}",
        lambda rng: f"SG.{_web(rng, 22)}.{_web(rng, 43)}",
        lambda rng: f"glpat-{_web(rng, 20)}",
        lambda rng: f"hf_{signs(rng, string.ascii_letters, 34)}",
        lambda rng: f"dop_v1_{hexadecimal(rng, 64)}",
        lambda rng: f"shpat_{hexadecimal(rng, 32)}",
        lambda rng: _checked(rng, "npm_"),
    )
    return rng.choice(makers)(rng)


def named_key(rng: Random) -> str:
    """A key without a shape of its own, for where a name says that it is one."""
    return rng.choice((hexadecimal(rng, 32), hexadecimal(rng, 40), signs(rng, ALNUM, 32), signs(rng, ALNUM, 40)))


def _base58(version: int, payload: bytes) -> str:
    body = bytes([version]) + payload
    body += hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4]
    number, written = int.from_bytes(body, "big"), ""
    while number:
        number, at = divmod(number, 58)
        written = _BASE58[at] + written
    return "1" * (len(body) - len(body.lstrip(b"\0"))) + written


def _polymod(values: list[int]) -> int:
    state = 1
    for value in values:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= generator if top >> at & 1 else 0
    return state


def _segwit(version: int, program: bytes) -> str:
    length = -(-len(program) * 8 // 5)
    number = int.from_bytes(program, "big") << (length * 5 - len(program) * 8)
    data = [version, *(number >> 5 * at & 31 for at in reversed(range(length)))]
    check = _polymod([3, 3, 0, 2, 3, *data, 0, 0, 0, 0, 0, 0]) ^ (0x2BC830A3 if version else 1)
    data += [check >> 5 * at & 31 for at in reversed(range(6))]
    return "bc1" + "".join(_BECH32[value] for value in data)


def bitcoin(rng: Random) -> str:
    """An address of Bitcoin's main network."""
    kind = rng.randrange(5)
    if kind > 2:
        return _segwit(*((0, rng.randbytes(20)) if kind == 3 else (1, rng.randbytes(32))))
    return _base58(5 if kind == 2 else 0, rng.randbytes(20))


def _turned(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK if by else lane


def keccak(data: bytes) -> bytes:
    """The digest by which Ethereum chooses capitals; of at most 135 bytes."""
    block = bytearray(data.ljust(136, b"\0"))
    block[len(data)] ^= 1
    block[-1] ^= 0x80
    lanes = dict.fromkeys(_LANES, 0)
    for at in range(17):
        lanes[at % 5, at // 5] = int.from_bytes(block[8 * at : 8 * at + 8], "little")
    register = 1
    for _ in range(24):
        column = [lanes[x, 0] ^ lanes[x, 1] ^ lanes[x, 2] ^ lanes[x, 3] ^ lanes[x, 4] for x in range(5)]
        lanes = {(x, y): lanes[x, y] ^ column[x - 1] ^ _turned(column[(x + 1) % 5], 1) for x, y in _LANES}
        x, y, current = 1, 0, lanes[1, 0]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, lanes[x, y] = lanes[x, y], _turned(current, (step + 1) * (step + 2) // 2 % 64)
        lanes = {(x, y): lanes[x, y] ^ (~lanes[(x + 1) % 5, y] & _MASK & lanes[(x + 2) % 5, y]) for x, y in _LANES}
        for bit in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            lanes[0, 0] ^= (register >> 1 & 1) << ((1 << bit) - 1)
    return b"".join(lanes[at % 5, at // 5].to_bytes(8, "little") for at in range(4))


def ethereum(rng: Random) -> str:
    """An address of Ethereum, in small letters or with the capitals that check it."""
    plain = hexadecimal(rng, 40)
    if rng.random() < 0.3:
        return f"0x{plain}"
    digest = keccak(plain.encode()).hex()
    return "0x" + "".join(sign.upper() if int(check, 16) > 7 else sign for sign, check in zip(plain, digest, strict=False))


def coin(rng: Random) -> str:
    """An address of either coin."""
    return rng.choice((bitcoin, ethereum))(rng)
