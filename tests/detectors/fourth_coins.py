"""Addresses of coins for the fourth part of the corpus, check digits and all; it knows no text around them."""

from __future__ import annotations

import hashlib
from random import Random

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LANE = (1 << 64) - 1
RATE = 136


def _base58check(payload: bytes) -> str:
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    return check


def _segwit(version: int, program: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    check = _polymod([3, 3, 0, 2, 3, *data, 0, 0, 0, 0, 0, 0]) ^ (0x2BC830A3 if version else 1)
    return "bc1" + "".join(BECH32[value] for value in data + [check >> 5 * (5 - at) & 31 for at in range(6)])


def bitcoin(rng: Random) -> str:
    """An address of Bitcoin of any age."""
    return rng.choice(
        [
            _base58check(b"\0" + rng.randbytes(20)),
            _base58check(b"\5" + rng.randbytes(20)),
            _segwit(0, rng.randbytes(20)),
            _segwit(0, rng.randbytes(20)),
            _segwit(1, rng.randbytes(32)),
        ]
    )


def _turned(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> (64 - by)) & LANE


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum means it, of less than one block; the standard library has only its successor."""
    block = bytearray(data.ljust(RATE, b"\0"))
    block[len(data)] |= 0x01
    block[-1] |= 0x80
    grid = {(x, y): int.from_bytes(block[8 * (x + 5 * y) :][:8], "little") for y in range(5) for x in range(5)}
    register = 1
    for _ in range(24):
        parity = [grid[x, 0] ^ grid[x, 1] ^ grid[x, 2] ^ grid[x, 3] ^ grid[x, 4] for x in range(5)]
        for x, y in grid:
            grid[x, y] ^= parity[(x - 1) % 5] ^ _turned(parity[(x + 1) % 5], 1)
        moved, (x, y) = {(0, 0): grid[0, 0]}, (1, 0)
        for step in range(24):
            moved[y, (2 * x + 3 * y) % 5] = _turned(grid[x, y], (step + 1) * (step + 2) // 2)
            x, y = y, (2 * x + 3 * y) % 5
        for x, y in grid:
            grid[x, y] = moved[x, y] ^ (~moved[(x + 1) % 5, y] & LANE & moved[(x + 2) % 5, y])
        for power in range(7):
            if register & 1:
                grid[0, 0] ^= 1 << ((1 << power) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
    return b"".join(grid[x, 0].to_bytes(8, "little") for x in range(4))


def ether(rng: Random) -> str:
    """An address of Ethereum, its check in the case of its letters or all in small letters."""
    small = rng.randbytes(20).hex()
    if rng.random() < 0.4:
        return "0x" + small
    marks = keccak256(small.encode()).hex()
    return "0x" + "".join(sign.upper() if int(mark, 16) > 7 else sign for sign, mark in zip(small, marks, strict=False))
