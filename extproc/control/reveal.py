"""The value behind a token, for whom the administration policy lets see the field that it was taken from.

The place of the value is sealed in the token, so what the policy is asked about is not the caller's to say. Older keys still
open what they made, for as long as the configuration names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from extproc.administration import Target
from extproc.control.acts import Acts
from extproc.control.callers import Caller
from extproc.errors import CredentialError, Malformed, SecretMissing
from extproc.obligations.operators import MaskKey
from extproc.obligations.tokens import Sealed, key_of, unseal


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: str


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a token stands for: the value, as JSON, and the field that it was taken from."""

    database: str
    collection: str | None
    field: str
    value: msgspec.Raw


class Reveal:
    """Answers ``{"token": …}``. `keys` are the masking keys by id; each may raise `SecretMissing`."""

    def __init__(self, acts: Acts, keys: Mapping[str, Callable[[], MaskKey]]) -> None:
        self._acts = acts
        self._keys = keys

    async def __call__(self, caller: Caller, body: bytes) -> Revealed:
        """Return what the token stands for. Raises `Malformed`, `Denied`, `CredentialError`, `AuditError`."""
        try:
            token = msgspec.json.decode(body, type=_Asked).token
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Malformed('the body is not {"token": …}') from error
        sealed = self._opened(token)

        async def release() -> Revealed:
            return Revealed(database=sealed.database, collection=sealed.collection, field=sealed.field, value=sealed.value)

        target = Target(database=sealed.database, collection=sealed.collection, fields=(sealed.field,))
        return await self._acts.perform(caller, "mask_reveal", target, release)

    def _opened(self, token: str) -> Sealed:
        key = self._keys.get(key_of(token))
        if key is None:
            raise Malformed("the token's key is not among masking.keys", code="mask_key_unknown")
        try:
            cipher = key().cipher
        except SecretMissing as error:
            raise CredentialError("the key of the token is missing", code="mask_key_missing") from error
        return unseal(cipher, token)
