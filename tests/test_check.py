"""`vecgate check`: what would not work or would not be safe is refused before the first request."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OctKey

from extproc.check import check
from extproc.errors import ConfigError
from support.issuer import TestIssuer
from support.policies import EXAMPLES, LIBRARY, Policy

CONFIG = """\
version: 1
databases:
  - name: kb
    engine: chroma
    listen: 127.0.0.1:8100
    upstream: http://127.0.0.1:8000
    credential: {header: x-chroma-token, value: {file: kb.key}}
identity: {issuers: [{issuer: "https://idp.test", jwks: {file: jwks.json}}]}
policy: {bundle: rego}
masking: {keys: [{id: k1, value: {file: mask.key}}]}
"""

POLICY = """\
package vecgate.authz

import rego.v1

default decision := {"allow": false, "reasons": ["not_granted"], "obligations": []}

decision := {"allow": true, "reasons": ["granted"], "obligations": [{"type": "mask", "fields": ["email"], "with": "hash"}]} if {
	input.operation.action in {"get", "search"}
	input.operation.database == "kb"
}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the path of a configuration in which everything holds."""
    path = tmp_path / "vecgate.yaml"
    path.write_text(CONFIG)
    TestIssuer().write_jwks(tmp_path)
    for name in ("kb.key", "mask.key"):
        (tmp_path / name).write_text("0123456789abcdef0123456789abcdef")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "rego").mkdir()
    (tmp_path / "rego" / "decision.rego").write_text(POLICY)
    return path


def change(path: Path, old: str, new: str) -> None:
    """Replace a text of a file that holds it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_where_everything_holds_there_is_nothing_to_say(config: Path) -> None:
    """No warnings, and the socket's directory is there and private."""
    assert check(config) == []
    assert (config.parent / "var").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("jwks: {file: jwks.json}", "jwks: {file: jwks.json}, demo: true", "demo: true"),
        ("http://127.0.0.1:8000", "http://chroma.internal:8000", "http:// off loopback"),
        ("listen: 127.0.0.1:8100", "listen: 0.0.0.0:8100\n    tls: {insecure: true}", "something else must encrypt"),
        ("    credential: {header: x-chroma-token, value: {file: kb.key}}\n", "", "no `credential`"),
    ],
)
def test_what_is_allowed_but_should_surprise_nobody_is_a_warning(config: Path, old: str, new: str, said: str) -> None:
    """Exactly one warning, which says what it is about."""
    change(config, old, new)
    (warning,) = check(config)
    assert said in warning


def test_a_secret_that_others_may_read_is_a_warning(config: Path) -> None:
    """With the command that ends it."""
    (config.parent / "kb.key").chmod(0o640)
    assert check(config) == [f"{config.parent}/kb.key: others may read this secret; run: chmod 600 {config.parent}/kb.key"]


@pytest.mark.parametrize("name", ["kb.key", "mask.key"])
@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_secret_that_is_absent_or_empty_is_refused(config: Path, name: str, content: str | None) -> None:
    """The message names the file."""
    (config.parent / name).unlink()
    if content is not None:
        (config.parent / name).write_text(content)
    with pytest.raises(ConfigError, match=f"{name}: this secret is absent"):
        check(config)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": ["k"]}',
        '{"keys": [{}]}',
        json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}),
        json.dumps({"keys": [OctKey.generate_key(256).as_dict(private=True)]}),
        json.dumps({"keys": [{"kty": "oct"}]}),
    ],
    ids=[
        "absent",
        "empty",
        "list",
        "no keys",
        "none",
        "text",
        "no type",
        "private",
        "symmetric",
        "symmetric type",
    ],
)
def test_attack_by_key_file_only_public_keys_are_taken(config: Path, content: str | None) -> None:
    """A JWKS that could sign lies where Envoy reads it, so it could sign for anybody."""
    path = config.parent / "jwks.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"jwks\.json: ") as caught:
        check(config)
    secrets = [key.get("d", key.get("k", "-")) for key in json.loads(content)["keys"]] if content and "kty" in content else []
    assert [secret for secret in secrets if secret != "-" and secret in str(caught.value)] == []


def test_a_socket_directory_that_others_may_enter_is_refused(config: Path) -> None:
    """Whoever reaches the socket could forge identities and read the credential."""
    (config.parent / "var").mkdir()
    (config.parent / "var").chmod(0o750)
    with pytest.raises(ConfigError, match="chmod 700"):
        check(config)


def test_an_audit_directory_that_is_a_file_is_refused(config: Path) -> None:
    """Without evidence nothing would be let through."""
    (config.parent / "evidence").touch()
    config.write_text(CONFIG + "audit: {directory: evidence}\n")
    with pytest.raises(ConfigError, match="the audit log cannot be written there"):
        check(config)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"search"}', '"serch"}', "there is no action `serch`, so the rule would never hold; the nearest is `search`"),
        ('== "kb"', '== "kv"', "there is no database `kv`, so the rule would never hold; the nearest is `kb`"),
        ('"with": "hash"', '"with": "hsah"', "there is no operator `hsah`"),
        (
            '"type": "mask", "fields"',
            '"type": "detect", "entities": ["EMAIL_ADRESS"], "fields"',
            "there is no entity `EMAIL_ADRESS`",
        ),
        (
            '"type": "mask", "fields"',
            '"type": "detect", "entities": ["PERSON"], "fields"',
            "there is no entity `PERSON`",
        ),
    ],
)
def test_a_rule_on_something_that_does_not_exist_is_refused(config: Path, old: str, new: str, said: str) -> None:
    """To Rego it is a rule that never holds; here it is an error with file, line and the nearest word."""
    path = config.parent / "rego" / "decision.rego"
    change(path, old, new)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert str(caught.value).startswith(f"{path}:")
    assert said in str(caught.value)


def test_an_entity_of_the_configuration_exists(config: Path) -> None:
    """A recogniser of one's own gives policies a word; a mask with a key needs one for found values too."""
    path = config.parent / "rego" / "decision.rego"
    change(path, '"type": "mask", "fields"', '"type": "detect", "entities": ["PART_NUMBER"], "fields"')
    change(path, '"with": "hash"', '"with": "token"')
    with pytest.raises(ConfigError, match="there is no entity `PART_NUMBER`"):
        check(config)
    config.write_text(CONFIG + "detection: {recognisers: [{entity: PART_NUMBER, pattern: '[A-Z]{2}-[0-9]{4}'}]}\n")
    assert check(config) == []
    change(config, "masking: {keys: [{id: k1, value: {file: mask.key}}]}\n", "")
    with pytest.raises(ConfigError, match="masks with `token`, which needs a key"):
        check(config)


@pytest.mark.parametrize(
    "recogniser", ["{entity: PIN, pattern: '('}", "{entity: PIN, pattern: 'a*'}", "{entity: PIN, terms: [' ']}"]
)
def test_a_recogniser_that_cannot_be_made_is_refused(config: Path, recogniser: str) -> None:
    """The entity is named, and what is wrong."""
    config.write_text(CONFIG + f"detection: {{recognisers: [{recogniser}]}}\n")
    with pytest.raises(ConfigError, match=r"detection\.recognisers: PIN: "):
        check(config)


ADMINISTRATION = """\
package vecgate.admin

default decision := {"allow": false, "reasons": ["not_granted"]}

decision := {"allow": true} if input.act == "explain"
"""


def test_a_rule_on_an_act_that_does_not_exist_is_refused(config: Path) -> None:
    """Administration is policy too."""
    path = config.parent / "rego" / "admin.rego"
    path.write_text(ADMINISTRATION)
    assert check(config) == []
    change(path, '"explain"', '"explian"')
    with pytest.raises(ConfigError, match="there is no act `explian`, so the rule would never hold; the nearest is `explain`"):
        check(config)


def test_administration_that_does_not_load_is_refused(config: Path) -> None:
    """A policy that administers is compiled from that entry point as well."""
    path = config.parent / "rego" / "admin.rego"
    path.write_text(ADMINISTRATION.replace('"explain"', "no_such_name"))
    with pytest.raises(ConfigError, match="policy: admin"):
        check(config)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_examples_hold_with_the_library(config: Path, example: Policy) -> None:
    """Each is taken as it stands, with the rules that all of them share."""
    change(config, "policy: {bundle: rego}", f"policy: {{bundle: {example.bundle}, library: {example.library}}}")
    assert check(config) == []


def test_a_word_of_the_library_is_checked_too(config: Path) -> None:
    """The rules of both directories are read, and the message names the file."""
    library = config.parent / "shared"
    shutil.copytree(LIBRARY, library)
    rule = library / "authz" / "operations.rego"
    change(rule, '"scroll"', '"scrol"')
    change(config, "policy: {bundle: rego}", f"policy: {{bundle: {EXAMPLES[0].bundle}, library: shared}}")
    with pytest.raises(ConfigError, match="there is no action `scrol`") as caught:
        check(config)
    assert str(caught.value).startswith(f"{rule}:")


def test_a_caller_that_is_none_is_refused(config: Path) -> None:
    """A role without its prefix is nobody, so whoever was meant would not be."""
    (config.parent / "rego" / "data.yaml").write_text("vecgate: {limits: [{records: 5, for: [admin]}]}\n")
    with pytest.raises(ConfigError, match="there is no caller `admin`"):
        check(config)


def test_a_hash_mask_without_a_key_is_refused(config: Path) -> None:
    """It could only ever deny."""
    change(config, "masking: {keys: [{id: k1, value: {file: mask.key}}]}\n", "")
    with pytest.raises(ConfigError, match=r"masking\.keys"):
        check(config)


@pytest.mark.parametrize("source", [None, "package vecgate.authz\n\ndecision := {", "package vecgate.other\n"])
def test_a_policy_that_does_not_load_is_refused(config: Path, source: str | None) -> None:
    """No directory, no Rego, or no entry point: one line that says so."""
    path = config.parent / "rego" / "decision.rego"
    path.unlink()
    if source is None:
        path.parent.rmdir()
    else:
        path.write_text(source)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert "\n" not in str(caught.value)


@pytest.mark.envoy
def test_what_envoy_itself_refuses_is_refused(config: Path) -> None:
    """Envoy's own validation has the last word: here, a certificate that is none."""
    (config.parent / "cert.pem").write_text("no certificate")
    (config.parent / "key.pem").write_text("no key")
    (config.parent / "key.pem").chmod(0o600)
    change(
        config,
        "listen: 127.0.0.1:8100",
        "listen: 127.0.0.1:8100\n    tls: {certificate: {file: cert.pem}, key: {file: key.pem}}",
    )
    with pytest.raises(ConfigError, match="Envoy refuses the bootstrap: ") as caught:
        check(config)
    assert "\n" not in str(caught.value)


def test_without_an_envoy_the_check_says_how_to_get_one(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be checked is not passed over."""
    monkeypatch.setenv("VECGATE_ENVOY", "/nowhere/envoy")
    with pytest.raises(ConfigError, match="no Envoy"):
        check(config)
