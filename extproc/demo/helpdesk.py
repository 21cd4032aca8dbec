"""The made-up support desk: its prose and its people, read from ``helpdesk.yaml``."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
import yaml


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of trouble: in which product it shows, how it is titled, told and answered, and which secret it tells."""

    product: str
    subjects: tuple[str, ...]
    stories: tuple[str, ...]
    answers: tuple[str, ...]
    priorities: tuple[str, ...]
    mentions: Literal["card", "api_key"] | None = None


class Helpdesk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; lists of names and words are texts with spaces between."""

    greetings: tuple[str, ...]
    contacts: tuple[str, ...]
    closings: tuple[str, ...]
    first_names: Annotated[str, msgspec.Meta(min_length=1)]
    last_names: Annotated[str, msgspec.Meta(min_length=1)]
    cities: tuple[str, ...]
    common_words: str
    scenarios: tuple[Scenario, ...]


@lru_cache(maxsize=1)
def helpdesk() -> Helpdesk:
    """Read the desk; once."""
    return msgspec.convert(yaml.safe_load(files(__package__).joinpath("helpdesk.yaml").read_text("utf-8")), Helpdesk)
