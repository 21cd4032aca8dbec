"""The configuration file: everything the contract shows is read, and every mistake is one line that says where."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extproc.config import admin_path, buffer_bytes, control_path, database, load, socket_paths
from extproc.config.doors import doors
from extproc.config.forms import DURATION, SIZE, Address, Form, Url
from extproc.config.reader import note, unwrap
from extproc.config.schema import schema
from extproc.config.types import Config
from extproc.errors import ConfigError
from extproc.secret import SecretAws, SecretEnv, SecretFile, SecretVault

LEAST = """\
version: 1
databases:
  - name: kb
    engine: chroma
    listen: 127.0.0.1:8100
    upstream: http://127.0.0.1:8000
identity:
  issuers:
    - issuer: https://idp.example.com/realms/main
      jwks: {file: jwks.json}
policy: {bundle: ./rego}
"""

FULL = """\
version: 1
databases:
  - name: kb
    engine: chroma
    listen: 127.0.0.1:8100
    upstream: https://kb.internal:8443
    credential: {header: x-chroma-token, value: {file: secrets/kb.key}}
    tls: {certificate: {file: tls/kb.pem}, key: {file: tls/kb.key}, client_ca: {file: tls/ca.pem}}
    upstream_tls: {ca: tls/ca.pem, sni: kb.internal, certificate: {file: tls/us.pem}, key: {env: KB_KEY}}
    match: {authority: kb.internal}
    enforcement: enforce
identity:
  issuers:
    - issuer: https://idp.example.com/realms/main
      audiences: [vecgate]
      jwks: {uri: "https://idp.example.com/keys"}
      roles: realm_access.roles
      groups: groups
      person: email
      workload: client_id
      max_lifetime: 12h
      demo: true
  metadata: {namespace: envoy.filters.http.jwt_authn, key: payload_}
policy:
  engine: embedded
  bundle: ./rego
  entrypoint: vecgate/authz/decision
audit:
  directory: ./var/audit
  origin: vecgate.example/prod
  recording: full
  identifiers: pseudonym
  signing_key: {file: ./var/keys/audit.key}
  sealing_key: {file: ./var/keys/sealing.key}
  otlp: http://127.0.0.1:4317
masking: {keys: [{id: k1, value: {file: ./var/keys/mask.key}}]}
service: {socket: ./var/extproc.sock}
store: sqlite:///var/vecgate.db
workers: 3
limits: {body: 16MiB, message_timeout: 2s}
"""


def write(directory: Path, text: str) -> Path:
    """Write a configuration file and return its path."""
    path = directory / "vecgate.yaml"
    path.write_text(text)
    return path


def complaint(directory: Path, text: str) -> str:
    """Return what `load` says of `text`, without the file's directory."""
    with pytest.raises(ConfigError) as caught:
        load(write(directory, text))
    return str(caught.value).removeprefix(f"{directory}/")


def test_the_least_configuration_has_the_contracts_defaults(tmp_path: Path) -> None:
    """What is left out has the value that the contract shows, with paths beside the file."""
    config = load(write(tmp_path, LEAST))
    issuer = config.identity.issuers[0]
    assert Address(host="127.0.0.1", port=8100) == config.databases[0].listen
    assert Url(scheme="http", host="127.0.0.1", port=8000) == config.databases[0].upstream
    assert config.databases[0].enforcement == "enforce"
    assert (issuer.audiences, issuer.roles, issuer.groups, issuer.person, issuer.workload) == (
        ("vecgate",),
        "realm_access.roles",
        "groups",
        "email",
        None,
    )
    assert (issuer.max_lifetime, issuer.demo) == (86400, False)
    assert (config.identity.metadata.namespace, config.identity.metadata.key) == ("envoy.filters.http.jwt_authn", "payload_")
    assert (config.policy.engine, config.policy.bundle, config.policy.entrypoint) == (
        "embedded",
        tmp_path / "rego",
        "vecgate/authz/decision",
    )
    assert (config.audit.directory, config.audit.origin) == (tmp_path / "var/audit", "vecgate.example/prod")
    assert (config.audit.recording, config.audit.identifiers, config.audit.otlp) == ("request", "clear", None)
    assert SecretFile(path=tmp_path / "var/keys/audit.key") == config.audit.signing_key
    assert SecretFile(path=tmp_path / "var/keys/sealing.key") == config.audit.sealing_key
    assert config.masking.keys == ()
    assert config.service.socket == tmp_path / "var/extproc.sock"
    assert (config.workers, config.limits.body, config.limits.message_timeout) == (1, 64 << 20, 10)


def test_every_key_that_is_built_is_read(tmp_path: Path) -> None:
    """The contract's example is accepted, and each key arrives."""
    config = load(write(tmp_path, FULL))
    kb = config.databases[0]
    assert kb.credential is not None
    assert kb.tls is not None
    assert kb.upstream_tls is not None
    assert kb.match is not None
    assert (kb.credential.header, kb.credential.value) == ("x-chroma-token", SecretFile(path=tmp_path / "secrets/kb.key"))
    assert kb.tls.client_ca == SecretFile(path=tmp_path / "tls/ca.pem")
    assert kb.upstream_tls.ca == SecretFile(path=tmp_path / "tls/ca.pem")
    assert (kb.upstream_tls.sni, kb.upstream_tls.key) == ("kb.internal", SecretEnv(name="KB_KEY"))
    assert kb.match.authority == "kb.internal"
    assert str(config.identity.issuers[0].jwks.uri) == "https://idp.example.com/keys"
    assert config.identity.issuers[0].workload == "client_id"
    assert config.identity.issuers[0].max_lifetime == 12 * 3600
    assert config.identity.issuers[0].demo is True
    assert (config.audit.recording, config.audit.identifiers, str(config.audit.otlp)) == (
        "full",
        "pseudonym",
        "http://127.0.0.1:4317",
    )
    assert [key.id for key in config.masking.keys] == ["k1"]
    assert (config.workers, config.limits.body, config.limits.message_timeout) == (3, 16 << 20, 2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("listen:", "lisen:", "vecgate.yaml:5: databases[0].lisen: is an unknown key; the nearest known key is `listen`"),
        ("policy: {", "polices: {", "vecgate.yaml:11: polices: is an unknown key; the nearest known key is `policy`"),
        (
            "jwks: {file",
            "jwks: {fil",
            "vecgate.yaml:10: identity.issuers[0].jwks.fil: is an unknown key; the nearest known key is `file`",
        ),
        ("{bundle:", "{zzz: 1, bundle:", "vecgate.yaml:11: policy.zzz: is an unknown key"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_one(tmp_path: Path, old: str, new: str, said: str) -> None:
    """A misspelt key is an error that helps, and never ignored."""
    assert complaint(tmp_path, LEAST.replace(old, new, 1)).startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("version: 1", "version: '1'", "1: version"),
        ("version: 1", "version: 2", "1: version"),
        ("version: 1", "version: true", "1: version"),
        ("version: 1", 'version: !!int ""', "1: version"),
        ("version: 1", "version: !!int 0b", "1: version"),
        ("name: kb", "name: [kb]", "3: databases[0].name"),
        ("name: kb", "name: KB", "3: databases[0].name"),
        ("name: kb", "name: yes", "3: databases[0].name"),
        ("name: kb", "name:", "3: databases[0].name"),
        ("engine: chroma", "engine: postgres", "4: databases[0].engine"),
        ("127.0.0.1:8100", "127.0.0.1", "5: databases[0].listen"),
        ("127.0.0.1:8100", "127.0.0.1:0", "5: databases[0].listen"),
        ("127.0.0.1:8100", "127.0.0.1:70000", "5: databases[0].listen"),
        ("127.0.0.1:8100", "gateway.example:8100", "5: databases[0].listen"),
        ("http://127.0.0.1:8000", "ftp://127.0.0.1", "6: databases[0].upstream"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api", "6: databases[0].upstream"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:99999", "6: databases[0].upstream"),
        ("http://127.0.0.1:8000", "http://a_b", "6: databases[0].upstream"),
        ("policy: {bundle: ./rego}", "policy: []", "11: policy"),
        ("jwks: {file: jwks.json}", "jwks: {}", "10: identity.issuers[0].jwks"),
        ("jwks: {file: jwks.json}", "jwks: {file: a, uri: 'https://b'}", "10: identity.issuers[0].jwks"),
        ("jwks: {file: jwks.json}", "jwks: {uri: 'http://idp.example'}", "10: identity.issuers[0].jwks.uri"),
        ("jwks: {file", "audiences: []\n      jwks: {file", "10: identity.issuers[0].audiences"),
        ("jwks: {file", "demo: !!bool maybe\n      jwks: {file", "10: identity.issuers[0].demo"),
        ("jwks: {file", "max_lifetime: 3600\n      jwks: {file", "10: identity.issuers[0].max_lifetime"),
        ("policy:", "workers: 0\npolicy:", "11: workers"),
        ("policy:", "workers: 1.5\npolicy:", "11: workers"),
        ("policy:", "limits: {body: 1MB}\npolicy:", "11: limits.body"),
        ("policy:", "limits: {body: 2GiB}\npolicy:", "11: limits.body"),
        ("policy:", "limits: {message_timeout: 10ms}\npolicy:", "11: limits.message_timeout"),
        ("policy:", "identity: {issuers: []}\npolicy:", "11: identity"),
        ("{bundle: ./rego}", "{}", "11: policy"),
        ("version: 1\n", "", "1: `version` is missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_line(tmp_path: Path, old: str, new: str, where: str) -> None:
    """Wrong types, forms and ranges say where they stand, in one line."""
    said = complaint(tmp_path, LEAST.replace(old, new, 1))
    assert said.startswith(f"vecgate.yaml:{where}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "vecgate.yaml: is empty"),
        ("- a\n", "vecgate.yaml:1: must be a mapping"),
        ("version: 1\n\tdatabases: 2", "vecgate.yaml:2: column 1: is not one YAML document"),
        ("a: 1\n---\nb: 2\n", "vecgate.yaml:2: column 1: is not one YAML document"),
        ("version: !!python/object/apply:os.system [id]\n", "vecgate.yaml:1: version: must be a whole number"),
        ("? [a]\n: 1\n", "vecgate.yaml:1: a key must be a plain word"),
        ("<<: {version: 1}\n", "vecgate.yaml:1: <<: is an unknown key"),
    ],
)
def test_what_is_no_mapping_of_keys_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Broken YAML, several documents, tags and merge keys are refused at their place."""
    assert complaint(tmp_path, text).startswith(said)


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    """Brackets that the parser cannot follow are a complaint like any other."""
    assert "nested" in complaint(tmp_path, "version: " + "[" * 5000)


def test_attack_on_the_terminal_a_key_is_shown_in_one_printable_line(tmp_path: Path) -> None:
    """A key in quotes may hold line feeds and escapes; the complaint about it holds neither."""
    said = complaint(tmp_path, LEAST + '"a\\n\\e[2J": 1\n')

    assert said.isprintable()
    assert "is an unknown key" in said


def test_a_duplicate_key_is_refused(tmp_path: Path) -> None:
    """YAML would let the second one win in silence; here it is an error at its line."""
    assert (
        complaint(tmp_path, LEAST + "version: 1\n") == "vecgate.yaml:12: version: stands here a second time; keep one of them"
    )


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    """The path and the way out are in the message."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "written",
    [
        "sk-VERY-SECRET",
        "'sk-VERY-SECRET'",
        "{literal: sk-VERY-SECRET}",
        "[sk-VERY-SECRET]",
        "{env: sk-VERY-SECRET}",
        "{vault: sk-VERY-SECRET}",
        "{aws: sk-VERY-SECRET}",
        "{file: a, env: sk-VERY-SECRET}",
        "*sk-VERY-SECRET",
        '"sk-VERY-SECRET',
        "{}",
    ],
)
def test_attack_on_the_log_a_literal_secret_is_refused_and_not_echoed(tmp_path: Path, written: str) -> None:
    """A secret stands in a file or the environment; one in the configuration is refused without being repeated."""
    text = LEAST.replace(
        "    upstream: http://127.0.0.1:8000",
        f"    upstream: http://127.0.0.1:8000\n    credential: {{header: x-chroma-token, value: {written}}}",
    )
    assert "VERY-SECRET" not in complaint(tmp_path, text)


VAULT = "{url: 'https://vault.example:8200', token: {file: vault.token}}"


def distant(value: str, vault: str = VAULT) -> str:
    """Return a configuration with a mask key that lies with a keeper."""
    return LEAST.replace("policy:", f"masking: {{keys: [{{id: k1, value: {value}}}]}}\nsecrets: {{vault: {vault}}}\npolicy:")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{vault: apps/kb#mask}", SecretVault(path="apps/kb", key="mask")),
        ("{aws: apps/kb#mask}", SecretAws(name="apps/kb", key="mask")),
        ("{aws: 'apps/kb#'}", SecretAws(name="apps/kb", key=None)),
    ],
)
def test_a_secret_may_lie_with_a_keeper(tmp_path: Path, written: str, meant: SecretVault | SecretAws) -> None:
    """A path or name, and which value of it."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(distant(written))

    assert meant == load(path).masking.keys[0].value


@pytest.mark.parametrize(
    ("vault", "said"),
    [
        ("{url: 'http://vault.example:8200', token: {file: t}}", "12: secrets.vault.url: must be https:// off loopback"),
        ("{url: 'https://vault.example:8200'}", "12: secrets.vault: needs one of"),
        ("{url: 'https://v.example', token: {file: t}, kubernetes: {role: r}}", "12: secrets.vault: needs one of"),
        ("{url: 'http://127.0.0.1:8200', token: {file: t}, ca: ca.pem}", "12: secrets.vault.ca: verifies an https `url`"),
        ("{url: 'https://v.example', token: {vault: 'a#b'}}", "12: secrets.vault.token.vault: is read before any keeper"),
    ],
)
def test_a_vault_that_would_not_be_safe_is_refused(tmp_path: Path, vault: str, said: str) -> None:
    """Secrets do not cross in clear, and there is one way to log in, whose own material is with no keeper."""
    assert complaint(tmp_path, distant("{vault: a#b}", vault)).startswith(f"vecgate.yaml:{said}")


def test_a_secret_in_a_vault_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    """Who names a secret in Vault says where Vault is."""
    text = LEAST.replace("policy:", "masking: {keys: [{id: k1, value: {vault: a#b}}]}\npolicy:")

    assert complaint(tmp_path, text).startswith("vecgate.yaml:11: masking.keys[0].value: is in Vault; say in `secrets.vault`")


@pytest.mark.parametrize("name", ["vault", "aws"])
def test_a_key_that_is_read_before_any_keeper_is_refused_there(tmp_path: Path, name: str) -> None:
    """Envoy reads keys of TLS by itself, and the log's own keys are needed first."""
    text = LEAST.replace("policy:", f"audit: {{sealing_key: {{{name}: a#b}}}}\npolicy:")

    assert complaint(tmp_path, text).startswith(f"vecgate.yaml:11: audit.sealing_key.{name}: is read before any keeper")


@pytest.mark.parametrize(
    ("workloads", "said"),
    [
        ("[{roles: [reader]}]", "identity.workloads[0]: needs either"),
        ("[{spiffe: 'spiffe://td/a', subject: 'CN=a'}]", "identity.workloads[0]: needs either"),
        ("[{spiffe: 'https://td/a'}]", "identity.workloads[0].spiffe: must be a SPIFFE id"),
        ("[{spiffe: 'spiffe://td/a*'}]", "identity.workloads[0].spiffe: must be a SPIFFE id"),
        ("[{subject: 'CN=a'}, {subject: 'CN=a'}]", "identity.workloads[1].subject: is used a second time"),
        ("[{subject: 'CN=a'}]", "identity.workloads: nobody is asked for a certificate"),
    ],
)
def test_a_program_without_a_name_or_without_a_certificate_is_refused(tmp_path: Path, workloads: str, said: str) -> None:
    """One name each, of its own kind, and a listener that asks for it."""
    text = LEAST.replace("policy:", f"  workloads: {workloads}\npolicy:")

    assert complaint(tmp_path, text).partition(" ")[2].startswith(said)


def test_an_audience_that_no_issuer_has_is_refused(tmp_path: Path) -> None:
    """A database that no token could be meant for is a mistake."""
    text = LEAST.replace("    engine: chroma", "    engine: chroma\n    audiences: [wiki]")

    assert "databases[0].audiences: has none of any issuer's" in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("postgresql://db.example/vecgate", "store: is not on this machine"),
        ("postgresql://db.example/vecgate?sslmode=require", "store: is not on this machine"),
        ("mysql://127.0.0.1/vecgate", "store: must be sqlite:///PATH"),
        ("postgresql://vecgate:VERY-SECRET@127.0.0.1/vecgate", "store: must be sqlite:///PATH"),
        ("postgresql://127.0.0.1/vecgate?password=VERY-SECRET", "store: must be sqlite:///PATH"),
        ("sqlite:///a.db\nstore_password: {file: p}", "store_password: is for PostgreSQL"),
    ],
)
def test_a_store_that_would_not_be_safe_is_refused_and_its_password_not_echoed(tmp_path: Path, store: str, said: str) -> None:
    """Whoever answers in the store's place could lift locks, and a password is a secret like any other."""
    found = complaint(tmp_path, LEAST.replace("policy:", f"store: {store}\npolicy:"))

    assert found.partition(" ")[2].startswith(said)
    assert "VERY-SECRET" not in found


@pytest.mark.parametrize(
    ("store", "meant"),
    [
        ("sqlite:///data/v.db", "sqlite:///{}/data/v.db"),
        ("sqlite:////data/v.db", "sqlite:////data/v.db"),
        ("postgresql://v@db.example/v?sslmode=verify-full", "postgresql://v@db.example/v?sslmode=verify-full"),
    ],
)
def test_where_the_store_is(tmp_path: Path, store: str, meant: str) -> None:
    """A file relative to the configuration or absolute, or a server that is verified."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(LEAST.replace("policy:", f"store: {store}\npolicy:"))

    assert meant.format(tmp_path) == str(load(path).store)


def test_a_password_in_a_url_is_refused_and_not_echoed(tmp_path: Path) -> None:
    """User and password have no place in a URL."""
    said = complaint(tmp_path, LEAST.replace("http://127", "http://root:hunter2@127"))
    assert said.startswith("vecgate.yaml:6: databases[0].upstream")
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("engine: chroma", "engine: weaviate", "4: databases[0].engine"),
        ("policy: {", "service: {listen: 127.0.0.1:9002, peers: [a]}\npolicy: {", "11: service"),
    ],
)
def test_a_key_of_the_contract_that_does_nothing_yet_is_refused(tmp_path: Path, old: str, new: str, where: str) -> None:
    """A dead option would be a lie, so it is named as not available yet."""
    said = complaint(tmp_path, LEAST.replace(old, new, 1))
    assert said.startswith(f"vecgate.yaml:{where}: ")
    assert "available yet" in said


GRPC = "engine: qdrant\n    grpc: {listen: 127.0.0.1:8101, upstream: 'http://127.0.0.1:6334'}"


def test_grpc_of_an_engine_that_speaks_it_is_a_door_of_its_own(tmp_path: Path) -> None:
    """A database with `grpc` has two doors, each with its listener and what lies behind."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(LEAST.replace("engine: chroma", GRPC))

    found = [(door.name, door.transport, str(door.listen), door.upstream.port) for door in doors(load(path))]

    assert found == [("kb", "rest", "127.0.0.1:8100", 8000), ("kb/grpc", "grpc", "127.0.0.1:8101", 6334)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("engine: qdrant", "engine: chroma", "databases[0].grpc: is not available for this engine"),
        ("127.0.0.1:8101", "127.0.0.1:8100", "databases[0].grpc.listen: is used a second time"),
        ("127.0.0.1:8101", "0.0.0.0:8101", "databases[0].grpc.listen: is not on loopback"),
        ("listen: 127.0.0.1:8101, ", "", "databases[0].grpc: `listen` is missing"),
    ],
)
def test_a_grpc_door_keeps_the_rules_of_every_door(tmp_path: Path, old: str, new: str, said: str) -> None:
    """It needs an engine that speaks gRPC, an address of its own, and TLS where others can reach it."""
    assert said in complaint(tmp_path, LEAST.replace("engine: chroma", GRPC).replace(old, new, 1))


def test_a_grpc_door_has_an_authority_of_its_own(tmp_path: Path) -> None:
    """Behind someone else's Envoy its streams are told by another :authority than REST's."""
    path = tmp_path / "vecgate.yaml"
    matches = "match: {authority: KB.internal}"
    grpc = GRPC.replace("6334'", "6334', match: {authority: 'kb.internal:6334'}")
    path.write_text(LEAST.replace("engine: chroma", f"{grpc}\n    {matches}"))

    assert [door.authority for door in doors(load(path))] == ["kb.internal", "kb.internal:6334"]


@pytest.mark.parametrize(
    ("control", "key"),
    [
        ("{listen: 127.0.0.1:8100}", "control.listen"),
        ("{listen: 0.0.0.0:8099}", "control.listen"),
        ("{listen: 127.0.0.1:8099, tls: {certificate: {file: a}}}", "control.tls"),
        ("{listen: 127.0.0.1:8099, url: 'http://vecgate.example'}", "control.url"),
        ("{listen: 127.0.0.1:8099, admins: [platform-admin]}", "control.admins"),
        ("{listen: 127.0.0.1:8099, admins: ['role:']}", "control.admins"),
        ("{listen: 127.0.0.1:8099, admins: ['person:ada']}", "control.admins"),
    ],
)
def test_a_control_api_that_would_not_be_safe_is_refused(tmp_path: Path, control: str, key: str) -> None:
    """It has an address of its own, people's tokens cross to it encrypted, and who administers is named by role or group."""
    assert complaint(tmp_path, LEAST.replace("policy: {", f"control: {control}\npolicy: {{")).startswith(
        f"vecgate.yaml:11: {key}: "
    )


def test_a_control_api_is_where_the_configuration_says(tmp_path: Path) -> None:
    """With a socket of its own beside the workers'."""
    text = "control: {listen: 127.0.0.1:8099, admins: ['role:a', 'group:b']}\npolicy: {"
    config = load(write(tmp_path, LEAST.replace("policy: {", text)))

    assert config.control
    assert (str(config.control.listen), config.control.admins) == ("127.0.0.1:8099", ("role:a", "group:b"))
    assert control_path(config) == tmp_path / "var/control.sock"


@pytest.mark.parametrize(
    ("listen", "tls", "accepted"),
    [
        ("127.0.0.1:1", None, True),
        ("'[::1]:1'", None, True),
        ("localhost:1", None, True),
        ("0.0.0.0:1", None, False),
        ("10.0.0.1:1", None, False),
        ("'[::]:1'", None, False),
        ("0.0.0.0:1", "{insecure: true}", True),
        ("0.0.0.0:1", "{insecure: false}", False),
        ("0.0.0.0:1", "{certificate: {file: a}, key: {file: b}}", True),
        ("0.0.0.0:1", "{certificate: {file: a}}", False),
        ("0.0.0.0:1", "{insecure: true, client_ca: {file: a}}", False),
    ],
)
def test_a_listener_off_loopback_is_encrypted_or_says_that_it_is_not(
    tmp_path: Path, listen: str, tls: str | None, accepted: bool
) -> None:
    """Tokens do not cross a network in clear unless somebody wrote that down."""
    text = LEAST.replace("127.0.0.1:8100", listen + (f"\n    tls: {tls}" if tls else ""))
    if accepted:
        load(write(tmp_path, text))
    else:
        assert complaint(tmp_path, text).startswith("vecgate.yaml:")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ("name: kb\n    engine: chroma\n    upstream: http://a\n    listen: 127.0.0.1:9", "databases[1].name"),
        ("name: other\n    engine: chroma\n    upstream: http://a\n    listen: localhost:8100", "databases[1].listen"),
    ],
)
def test_names_and_listeners_are_each_their_own(tmp_path: Path, more: str, where: str) -> None:
    """Two databases of one name, or one address, would be one policy for both."""
    assert f"{where}: is used a second time" in complaint(tmp_path, LEAST.replace("identity:", f"  - {more}\nidentity:", 1))


def test_two_issuers_of_one_name_are_refused(tmp_path: Path) -> None:
    """An issuer's keys and claims must be unambiguous."""
    text = LEAST.replace("policy:", "    - {issuer: 'https://idp.example.com/realms/main', jwks: {file: b}}\npolicy:")
    assert "identity.issuers[1].issuer: is used a second time" in complaint(tmp_path, text)


@pytest.mark.parametrize("key", ["f", "failure_", "failure_x"])
def test_attack_by_metadata_key_failures_never_look_like_payloads(tmp_path: Path, key: str) -> None:
    """A prefix that also matches the reasons of failed tokens would make a failure an identity."""
    text = LEAST.replace("identity:", f"identity:\n  metadata: {{key: {key}}}")
    assert "identity.metadata.key" in complaint(tmp_path, text)


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ("upstream_tls: {ca: ca.pem}", "databases[0].upstream_tls: has no effect"),
        ("credential: {header: content-length, value: {env: KEY}}", "databases[0].credential.header"),
        ("credential: {header: X-Token, value: {env: KEY}}", "databases[0].credential.header"),
        ("credential: {header: x-token}", "databases[0].credential: `value` is missing"),
    ],
)
def test_what_would_have_no_effect_or_break_the_message_is_refused(tmp_path: Path, keys: str, where: str) -> None:
    """Keys that cannot work together are named."""
    assert where in complaint(tmp_path, LEAST.replace("    engine", f"    {keys}\n    engine"))


def test_each_worker_has_its_own_socket_beside_the_first(tmp_path: Path) -> None:
    """Sockets and Envoy's admin interface lie in one private directory."""
    config = load(write(tmp_path, LEAST + "workers: 3\n"))
    var = tmp_path / "var"
    assert [var / "extproc.sock", var / "extproc-1.sock", var / "extproc-2.sock"] == socket_paths(config)
    assert var / "envoy-admin.sock" == admin_path(config)


def test_a_socket_path_that_the_kernel_cannot_take_is_refused(tmp_path: Path) -> None:
    """A unix socket's path has 107 bytes at most."""
    text = LEAST + f"service: {{socket: {'d' * 100}/extproc.sock}}\n"
    assert "service.socket: is too long" in complaint(tmp_path, text)


def test_envoy_holds_a_little_more_than_a_body_may_have(tmp_path: Path) -> None:
    """So it is this service, and natively, that says that a body is too large."""
    config = load(write(tmp_path, LEAST + "limits: {body: 1MiB}\n"))
    assert 1 << 20 < buffer_bytes(config) <= (1 << 20) + (1 << 20)


def test_a_database_is_found_by_name(tmp_path: Path) -> None:
    """And one that is not there is an error that lists those that are."""
    config = load(write(tmp_path, LEAST))
    assert config.databases[0] == database(config, "kb")
    with pytest.raises(ConfigError, match="there are kb"):
        database(config, "other")


@given(count=st.integers(0, 10**6), unit=st.sampled_from(["B", "KiB", "MiB", "GiB"]))
def test_a_size_is_its_number_times_its_unit(count: int, unit: str) -> None:
    """Binary units alone, so that nobody guesses."""
    assert count * 1024 ** ["B", "KiB", "MiB", "GiB"].index(unit) == SIZE.parse(f"{count}{unit}")


def test_durations_are_seconds() -> None:
    """One form of duration in the configuration and the policy."""
    assert [DURATION.parse(text) for text in ("250ms", "10s", "15m", "24h")] == [0.25, 10.0, 900.0, 86400.0]


WORDS = [
    "version",
    "databases",
    "name",
    "engine",
    "listen",
    "upstream",
    "identity",
    "issuers",
    "issuer",
    "jwks",
    "file",
    "policy",
    "bundle",
    "tls",
    "limits",
    "body",
    "unknown",
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["127.0.0.1:1", "chroma", "http://a"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)


@given(tree=TREES)
def test_whatever_stands_in_the_file_is_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, tree: Any
) -> None:
    """No content of the file is answered by anything but a Config or one line of complaint."""
    path = write(tmp_path_factory.getbasetemp(), yaml.safe_dump(tree))
    said = ""
    try:
        load(path)
    except ConfigError as error:
        said = str(error)
    assert "\n" not in said


def test_the_schema_accepts_the_examples_and_refuses_an_unknown_key() -> None:
    """The printed JSON Schema says the same as the reader."""
    document = json.loads(json.dumps(schema()))
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document)
    assert [list(validator.iter_errors(yaml.safe_load(text))) for text in (LEAST, FULL)] == [[], []]
    misspelt: dict[str, Any] = yaml.safe_load(LEAST) | {"polcy": 1}
    assert [error.validator for error in validator.iter_errors(misspelt)] == ["additionalProperties"]
    assert not validator.is_valid({})
    assert document["required"] == ["version", "databases", "identity", "policy"]


def test_every_key_is_documented() -> None:
    """Each key carries a sentence, which the schema shows."""
    todo: list[type] = [Config]
    bare = []
    while todo:
        kind = todo.pop()
        hints = get_type_hints(kind, include_extras=True)
        for member in fields(kind):
            inner, notes = unwrap(hints[member.name])
            if not note(notes, str):
                bare.append(f"{kind.__name__}.{member.name}")
            if get_origin(inner) is tuple:
                inner, _ = unwrap(get_args(inner)[0])
            if is_dataclass(inner) and isinstance(inner, type) and not note(notes, Form):
                todo.append(inner)
    assert bare == []


def test_two_databases_of_one_authority_are_refused(tmp_path: Path) -> None:
    """The later one would take the other's streams, with its own policy input, credential and evidence."""
    said = complaint(
        tmp_path,
        """
version: 1
databases:
  - {name: a, engine: chroma, upstream: "http://127.0.0.1:1", listen: "127.0.0.1:8100", match: {authority: kb.internal}}
  - {name: b, engine: chroma, upstream: "http://127.0.0.1:2", listen: "127.0.0.1:8101", match: {authority: KB.internal}}
identity: {issuers: [{issuer: "https://one.test", jwks: {file: jwks.json}}]}
policy: {bundle: rego}
""",
    )

    assert "match.authority" in said


OPA = "policy: {engine: opa, opa: {url: 'http://127.0.0.1:8181', managed: false}}"


@pytest.mark.parametrize(
    "policy",
    [
        "policy: {engine: opa}",
        OPA,
        "policy: {engine: opa, bundle: rego}",
        "policy: {engine: opa, opa: {url: 'https://opa.example:8181'}}",
        "policy: {engine: opa, opa: {url: 'https://opa.example', tls: {ca: a, sni: opa, certificate: c, key: {file: k}}}}",
        "policy: {engine: opa, opa: {url: 'http://localhost:8181', token: {env: OPA_TOKEN}}}",
        "policy: {engine: opa, bundle: rego, opa: {managed: true}}",
        "policy: {engine: opa, bundle: rego, opa: {url: 'http://127.0.0.1:8181', managed: true}}",
        "policy: {engine: opa, bundle: p.tar.gz, verification_key: p.pub, opa: {managed: true}}",
        "policy: {engine: embedded, bundle: rego, opa: {url: 'http://127.0.0.1:8181', managed: false}}",
        "policy: {bundle: p.tar.gz, verification_key: {file: p.pub}}",
    ],
)
def test_who_decides(tmp_path: Path, policy: str) -> None:
    """Each engine, with what goes with it, and the contract's own example."""
    file = tmp_path / "vecgate.yaml"
    file.write_text(re.sub(r"^policy: .*$", policy, LEAST, flags=re.MULTILINE))

    assert load(file).policy.engine == ("opa" if "engine: opa" in policy else "embedded")


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("policy: {engine: embedded}", "policy: `bundle` is missing"),
        ("policy: {engine: opa, opa: {managed: true}}", "policy: `bundle` is missing"),
        ("policy: {engine: opa, verification_key: p.pub}", "policy.verification_key: verifies a bundle file"),
        ("policy: {engine: opa, opa: {url: 'http://opa.example:8181'}}", "policy.opa.url: must be https:// off loopback"),
        ("policy: {engine: opa, opa: {url: 'http://10.0.0.1:8181'}}", "policy.opa.url: must be https:// off loopback"),
        ("policy: {engine: opa, opa: {tls: {ca: ca.pem}}}", "policy.opa.tls: has no effect on http://"),
        (
            "policy: {engine: opa, opa: {url: 'https://opa.example', tls: {certificate: c.pem}}}",
            "policy.opa.tls: `certificate` and `key` go together",
        ),
        (
            "policy: {engine: opa, bundle: rego, opa: {managed: true, tls: {ca: c}}}",
            "policy.opa.tls: has no effect on a managed",
        ),
        (
            "policy: {engine: opa, bundle: rego, opa: {managed: true, token: {file: t}}}",
            "policy.opa.token: has no effect on a managed",
        ),
        ("policy: {engine: opa, opa: {token: s3cret}}", "policy.opa.token: a secret is never written into this file"),
        ("policy: {engine: opa, opa: {url: 'http://127.0.0.1:8181/v1'}}", "policy.opa.url: must be http:// or https://"),
        ("policy: {engine: rego, bundle: rego}", "policy.engine: must be embedded or opa"),
    ],
)
def test_what_does_not_go_together_about_who_decides(tmp_path: Path, policy: str, said: str) -> None:
    """Whoever answers in OPA's place decides, so it is verified; and no key is there for nothing."""
    assert f": {said}" in complaint(tmp_path, re.sub(r"^policy: .*$", policy, LEAST, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        ("{}", "audit.mirror: `bucket` is missing"),
        ("{bucket: b, endpoint: 'http://store.example:9000'}", "audit.mirror.endpoint: must be https:// off loopback"),
        ("{bucket: b, access_key: {env: ID}}", "audit.mirror: `access_key` and `secret_key` go together"),
        ("{bucket: b, access_key: {env: ID}, secret_key: s3cret}", "audit.mirror.secret_key: a secret is never written"),
        ("{bucket: b, access_key: {vault: a#b}, secret_key: {vault: a#c}}", "audit.mirror.access_key: is in Vault"),
        ("{bucket: b, prefix: a/}", "audit.mirror.prefix: must be a path"),
        ("{bucket: b, replica: a/b}", "audit.mirror.replica: must be the name of a host"),
        ("{bucket: b, object_lock: 1h}", "audit.mirror.object_lock: must be"),
        ("{bucket: b, keys: true}", "audit.mirror.keys: is an unknown key"),
    ],
)
def test_what_does_not_go_together_about_the_mirror(tmp_path: Path, mirror: str, said: str) -> None:
    """Evidence crosses encrypted, each key of a pair needs the other, and key slots cannot be asked for."""
    found = complaint(tmp_path, f"{LEAST}audit: {{mirror: {mirror}}}\n")

    assert f": {said}" in found
    assert "s3cret" not in found


def test_a_mirror_as_the_documentation_has_it(tmp_path: Path) -> None:
    """A bucket is enough; whatever else may be said is read."""
    whole = "{bucket: b, prefix: p/q, replica: vecgate-0, endpoint: 'http://127.0.0.1:9000', region: r, object_lock: 400d}"
    file = tmp_path / "vecgate.yaml"
    found = []
    for mirror in ("{bucket: b}", whole):
        file.write_text(f"{LEAST}audit: {{mirror: {mirror}}}\n")
        read = load(file).audit.mirror
        assert read is not None
        found.append((read.bucket, read.prefix, read.replica, read.object_lock, read.every))

    assert found == [("b", None, None, None, 10.0), ("b", "p/q", "vecgate-0", 400 * 86400.0, 10.0)]
