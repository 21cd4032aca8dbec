"""Cues that kinds of values share. Each is small, because all are looked for at once. Pure."""

from __future__ import annotations

from typing import Final

NUMBER: Final = r"(?:[0-9][^0-9A-Za-z@\n]{0,3}){7}"
"""The cue of whatever has at least seven digits, in groups or not."""

LONG: Final = "[A-Za-z0-9_.+/=-]{20}"
"""The cue of whatever is long and without a space: keys, wallets."""
