"""Where requests go once every filter let them: to the database, or to the control API with what was found of the token."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption, HeaderValueOptionHeaderAppendAction
from envoy_data_plane.envoy.config.route.v3 import Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost

from extproc.bootstrap.clusters import CONTROL
from extproc.bootstrap.filters import METADATA_NAMESPACE
from extproc.config.types import Database
from extproc.control.callers import SOURCE_HEADER, VERIFIED_HEADER

TIMEOUT: Final = timedelta(seconds=120)
"""How long an answer may take."""
_SET: Final = HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
_SAID: Final = {
    VERIFIED_HEADER: f"%DYNAMIC_METADATA({METADATA_NAMESPACE})%",
    SOURCE_HEADER: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
}
"""What Envoy tells the control API of a request."""


def database_cluster(database: Database) -> str:
    """Return the name of a database's cluster."""
    return f"database_{database.name}"


def database_routes(database: Database) -> RouteConfiguration:
    """Route everything to the database."""
    action = RouteAction(cluster=database_cluster(database), timeout=TIMEOUT, host_rewrite_literal=database.upstream.authority)
    return _everything(database.name, VirtualHost(name=database.name, domains=["*"], routes=[_always(action)]))


def control_routes() -> RouteConfiguration:
    """Route everything to the control API, with what was found of the token in a header that no client can set.

    Envoy takes header fields off before it sets them, so one that a client sends is gone also where there is nothing to set.
    """
    host = VirtualHost(
        name=CONTROL,
        domains=["*"],
        routes=[_always(RouteAction(cluster=CONTROL, timeout=TIMEOUT))],
        request_headers_to_remove=list(_SAID),
        request_headers_to_add=[
            HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=_SET) for name, value in _SAID.items()
        ],
    )
    return _everything(CONTROL, host)


def _always(action: RouteAction) -> Route:
    return Route(match=RouteMatch(prefix="/"), route=action)


def _everything(name: str, host: VirtualHost) -> RouteConfiguration:
    return RouteConfiguration(name=name, virtual_hosts=[host])
