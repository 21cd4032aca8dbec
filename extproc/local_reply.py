"""What Envoy answers by itself in the course of an exchange (its "local replies"), and what that means in our words. Pure.

It knows no database: an answer is told to be Envoy's by its own word for how it came about, `response.code_details`.
"""

from __future__ import annotations

from typing import Final

from extproc.audit.entry import ENVOY_DETAILS
from extproc.errors import Denied, Error, TooLarge, UpstreamError
from extproc.events import Head, Response

_DETAILS: Final = "response.code_details"
_SUCCESS: Final = 200
_BY_STATUS: Final = {413: "request_too_large", 503: "database_unreachable", 504: "database_late"}
_BY_DETAILS: Final = (
    ("request_payload_too_large", "request_too_large"),
    ("upstream_reset", "database_unreachable"),
    ("no_healthy_upstream", "database_unreachable"),
    ("overload", "database_unreachable"),
    ("upstream_", "database_late"),
    ("response_timeout", "database_late"),
    ("max_duration_timeout", "database_late"),
    ("stream_idle_timeout", "database_late"),
)
"""Over gRPC the status is always 200; there it is told by how Envoy's own word begins."""


def is_local(response: Response) -> bool:
    """Whether Envoy made this response itself. It names the database's address even where that never answered."""
    return response.head.attributes.get(_DETAILS) != "via_upstream"


def details(head: Head) -> dict[str, str]:
    """Return Envoy's own word for why it answered by itself, where it is a plain one."""
    found = head.attributes.get(_DETAILS, "")
    return {"envoy": found} if ENVOY_DETAILS.fullmatch(found) else {}


def meaning(response: Response, *, asked: bool) -> Error:
    """Return what Envoy's own answer means; `asked` says whether the request had been let through by then."""
    code = _BY_STATUS.get(response.status, "gateway_refused")
    if response.status == _SUCCESS:
        found = response.head.attributes.get(_DETAILS, "")
        code = next((word for begins, word in _BY_DETAILS if found.startswith(begins)), code)
    if code == "request_too_large":
        return TooLarge("the request's body is over limits.body")
    if not asked:
        return Denied("the request was refused before it was read", code="gateway_refused")
    return UpstreamError("the database could not be reached, or did not answer in time", code=code)
