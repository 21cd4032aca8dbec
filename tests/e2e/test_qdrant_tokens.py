"""A token for each request in the place of the database's key, before a stand-in that keeps to what it says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from extproc.events import Transport
from support.gateway import RAW_KEY
from support.qdrant_gateway import OVER, Doors, guarded
from support.qdrant_played import played
from support.qdrant_scenario import Names, steps

pytestmark = pytest.mark.envoy
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """Run a gateway that mints, under an allow-all policy."""
    with guarded(tmp_path_factory.mktemp("qdrant-tokens"), credential={"mint": True}) as found:
        yield found


@pytest.mark.parametrize("over", OVER)
async def test_the_scenario_is_the_same_under_tokens(doors: Doors, over: Transport) -> None:
    """Nothing that a client does reaches further than the token that was signed for it."""
    run = f"{over}-{next(NUMBERS)}"
    doors.database.clear()
    expected = await played(doors.direct(over), steps(Names(f"direct-{run}")), f"direct-{run}")
    doors.database.clear()
    actual = await played(doors.client(over, "admin"), steps(Names(f"through-{run}")), f"through-{run}")

    assert actual == expected
    carried = [{name.lower(): value for name, value in call.headers}.get("api-key") for call in doors.database.seen]
    assert RAW_KEY not in [each for call, each in zip(doors.database.seen, carried, strict=True) if call.target != "/aliases"]


@pytest.mark.parametrize("over", OVER)
def test_the_token_names_collection_subject_and_end(doors: Doors, over: Transport) -> None:
    """What the database got for a count is good for one collection, to be read, for seconds."""
    doors.client(over, "admin").collection_exists("kb")
    with pytest.raises(Exception, match="Not found"):
        doors.client(over, "admin").count("kb")
    headers = {name.lower(): value for name, value in doors.database.last().headers}
    claims = jwt.decode(headers["api-key"], OctKey.import_key(RAW_KEY), algorithms=["HS256"]).claims

    assert claims["access"] == [{"collection": "kb", "access": "r"}]
    assert claims["subject"].endswith("#user-admin")
    assert set(claims) == {"access", "subject", "exp"}
