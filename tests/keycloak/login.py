"""The whole way with a real Keycloak: log in, search, see masks; its keys are changed while requests run.

`make keycloak` fetches Keycloak and runs this; it is not among the tests of `make test`, because a Keycloak is large and slow.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.audit.reader import read_leaves
from support.browser import Browser, access_token
from support.gateway import STARTER, Gateway, running
from support.ports import free_port
from support.searches import MASKED, fill, search, searching

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ADMIN = {"username": "root", "password": "an-admins-password-of-tests"}
SECRET = "a-secret-of-tests"
START_SECONDS = 300
CACHE = 2.0


@dataclass(frozen=True, slots=True)
class Keycloak:
    """A running Keycloak with the realm `staff`."""

    url: str

    @property
    def realm(self) -> str:
        """The realm's address, which is its issuer."""
        return f"{self.url}/realms/staff"

    def login(self) -> str:
        """Log Ada in as her browser would."""
        with Browser(self.realm) as browser:
            browser.authorize("/protocol/openid-connect/auth", client="laptop")
            browser.submit(username="ada", password="a-password-of-tests", credentialId="")
            return browser.redeem("/protocol/openid-connect/token", client="laptop")

    def program(self) -> str:
        """Return the token of a service account."""
        return self._grant("staff", grant_type="client_credentials", client_id="ingest", client_secret=SECRET)

    def add_key(self, name: str, priority: int) -> str:
        """Publish a new signing key that does not sign yet; return its id."""
        body = {
            "name": name,
            "providerId": "ecdsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "config": _key(priority, active=False),
        }
        response = self._administer("POST", "/components", body)
        return str(response.headers["location"]).rpartition("/")[2]

    def sign_with(self, key: str, priority: int) -> None:
        """Have a published key sign."""
        self._administer("PUT", f"/components/{key}", self._component(key) | {"config": _key(priority, active=True)})

    def withdraw(self, key: str) -> None:
        """Take a key away."""
        self._administer("DELETE", f"/components/{key}")

    def first_key(self) -> str:
        """Return the id of the key provider that signs at first."""
        found = self._administer("GET", "/components?type=org.keycloak.keys.KeyProvider").json()
        return next(str(each["id"]) for each in found if each["providerId"] == "ecdsa-generated")

    def _component(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self._administer("GET", f"/components/{key}").json()
        return found

    def _administer(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        token = self._grant("master", grant_type="password", client_id="admin-cli", **ADMIN)
        headers = {"authorization": f"Bearer {token}"}
        url = f"{self.url}/admin/realms/staff{path}"
        return httpx.request(method, url, json=body, headers=headers, trust_env=False, timeout=60).raise_for_status()

    def _grant(self, realm: str, **fields: str) -> str:
        url = f"{self.url}/realms/{realm}/protocol/openid-connect/token"
        return access_token(httpx.post(url, data=fields, trust_env=False, timeout=60))


def _key(priority: int, *, active: bool) -> dict[str, list[str]]:
    return {
        "priority": [str(priority)],
        "enabled": ["true"],
        "active": ["true" if active else "false"],
        "ecdsaEllipticCurveKey": ["P-256"],
    }


@contextmanager
def running_keycloak(directory: Path) -> Iterator[Keycloak]:
    """Run Keycloak until the block ends."""
    home = next((ROOT / ".cache" / "keycloak").glob("keycloak-*/bin/kc.sh"), None)
    if home is None:
        pytest.fail("Keycloak is missing: run `make keycloak`")
    data = home.parents[1] / "data"
    (data / "import").mkdir(parents=True, exist_ok=True)
    (data / "import" / "staff.json").write_text((ROOT / "tests" / "keycloak" / "realm.json").read_text())
    port, health = free_port(), free_port()
    command = [str(home), "start-dev", f"--http-port={port}", "--http-host=127.0.0.1", "--import-realm", "--db=dev-mem"]
    command += [f"--http-management-port={health}", "--health-enabled=true"]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN["username"],
        "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN["password"],
        "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx512m",
    }
    log = directory / "keycloak.log"
    with log.open("w") as said:
        process = subprocess.Popen(["bash", *command], env=environment, stdout=said, stderr=subprocess.STDOUT)
    try:
        _await(f"http://127.0.0.1:{port}/realms/staff/.well-known/openid-configuration", process, log)
        yield Keycloak(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(60)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, trust_env=False, timeout=10).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    pytest.fail(f"Keycloak does not answer:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """Run a Keycloak."""
    with running_keycloak(tmp_path_factory.mktemp("keycloak")) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(chroma: int, keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway under the starter policy whose issuer is the realm."""
    jwks = {"uri": f"{keycloak.realm}/.well-known/openid-configuration", "cache": "2s"}
    issuer = {"issuer": keycloak.realm, "jwks": jwks, "workload": "client_id", "max_lifetime": "10m"}
    directory = tmp_path_factory.mktemp("gateway")
    with running(directory, f"http://127.0.0.1:{chroma}", policy=STARTER, identity={"issuers": [issuer]}) as found:
        yield found


def test_a_person_of_the_realm_searches_and_sees_masks(gateway: Gateway, keycloak: Keycloak) -> None:
    """A service account fills a collection; a person who logged in with a password finds the record, masked."""
    fill(gateway, keycloak.program())

    assert search(gateway, keycloak.login()) == MASKED


def test_the_realms_keys_are_changed_under_load_and_no_search_fails(gateway: Gateway, keycloak: Keycloak) -> None:
    """Published passive, then made to sign, then the old one is taken away: each login in turn is taken, and sees masks."""
    fill(gateway, keycloak.program())
    tokens = [keycloak.login()]
    with searching(gateway, tokens) as found:
        old = keycloak.first_key()
        for turn in range(3):
            priority = 200 + turn
            new = keycloak.add_key(f"turn-{turn}", priority)
            time.sleep(2 * CACHE)
            keycloak.sign_with(new, priority)
            tokens.append(keycloak.login())
            keycloak.withdraw(old)
            old = new
            time.sleep(2 * CACHE)

    assert len({token.split(".")[0] for token in tokens}) == len(tokens), "each is signed with a key of its own"
    assert len(found) >= len(tokens)
    assert [each for each in found if each != MASKED] == []
    assert not [leaf for leaf in read_leaves(gateway.audit) if leaf.kind == "login_rejected"]
