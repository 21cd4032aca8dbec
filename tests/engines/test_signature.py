"""Signatures of bundles: what OPA signs is verified here, what is signed here OPA verifies, and nothing else is."""

from __future__ import annotations

import base64
import hmac
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey

from extproc.engines.archive import pack, unpack
from extproc.engines.signature import SIGNATURES, SigningKey, VerificationKey, digest, verify
from extproc.secret import Secret

KEY = SigningKey.create()
FILES = {
    "authz/a.rego": b"package a\n\nallow if input.x == 1\n",
    "data.json": '{"a": [1, 1.0, 1e3, -0.5, true, null], "é<>&": "\\u2028\\b\\f\\n\\u0001\\"\\\\/", "10": {}}'.encode(),
    ".manifest": b'{"revision": "v1", "roots": ["a", "10", "\\u00e9<>&"], "rego_version": 1}',
}
SIGNED = KEY.sign(FILES)


def opa_build(opa: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `opa build` in `folder`."""
    return subprocess.run([opa, "build", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_opa_verifies_what_is_signed_here(opa: str, tmp_path: Path) -> None:
    """OPA loads the bundle with our key, and not with another, nor once a byte of it has changed."""
    (tmp_path / "key.pem").write_text(KEY.public().pem)
    (tmp_path / "other.pem").write_text(SigningKey.create().public().pem)
    (tmp_path / "good.tar.gz").write_bytes(pack(SIGNED))
    (tmp_path / "bad.tar.gz").write_bytes(pack({**SIGNED, "authz/a.rego": b"package a\n\nallow if input.x == 2\n"}))
    outcomes = [
        opa_build(opa, tmp_path, "-b", bundle, "--verification-key", key, "--signing-alg", "ES256", "-o", "/dev/null")
        for bundle, key in [("good.tar.gz", "key.pem"), ("good.tar.gz", "other.pem"), ("bad.tar.gz", "key.pem")]
    ]

    assert [done.returncode for done in outcomes] == [0, 1, 1], outcomes[0].stderr


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_what_opa_signs_is_verified_here(opa: str, tmp_path: Path, algorithm: str) -> None:
    """A bundle that OPA built and signed is taken, data of every form included, and not with another key."""
    private: Any = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
    (tmp_path / "key.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for name, content in FILES.items():
        (tmp_path / "policy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "policy" / name).write_bytes(content)
    arguments = ("-b", ".", "--signing-key", "../key.pem", "--signing-alg", algorithm, "-o", "../bundle.tar.gz")
    done = opa_build(opa, tmp_path / "policy", *arguments)
    assert done.returncode == 0, done.stderr
    files = unpack((tmp_path / "bundle.tar.gz").read_bytes())
    public = VerificationKey.read(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    verify(files, public)

    assert public.algorithm == algorithm
    assert json.loads(files["data.json"])["é<>&"] == '\u2028\b\f\n\x01"\\/'
    with pytest.raises(ValueError, match="is not signed with this key"):
        verify(files, KEY.public())


def test_a_key_comes_out_as_it_went_in() -> None:
    """A private key that was written is read again, and signs what the old public key verifies."""
    again = SigningKey.read(KEY.private())

    assert again.public() == KEY.public() == VerificationKey.read(KEY.public().pem.encode())
    verify(again.sign(FILES), KEY.public())


def without(name: str) -> dict[str, bytes]:
    """Return the signed files but one."""
    return {each: content for each, content in SIGNED.items() if each != name}


def resigned(payload: Any, key: ECKey | None = None, **members: Any) -> dict[str, bytes]:
    """Return files with a signature over `payload`."""
    token = jws.serialize_compact({"alg": "ES256"}, json.dumps(payload), key or KEY._key)
    return {**FILES, SIGNATURES: json.dumps({"signatures": [token], **members}).encode()}


LISTED = [{"name": name, "hash": digest(name, content), "algorithm": "SHA-256"} for name, content in FILES.items()]


def test_what_is_signed_again_in_these_tests_is_taken() -> None:
    """The nearest allowed twin of the attacks below."""
    verify(resigned({"files": LISTED}), KEY.public())
    verify(resigned({"files": LISTED, "iss": "ci", "iat": 1}, plugin="_default"), KEY.public())


def shared() -> dict[str, bytes]:
    """Return files signed with the public key as if it were a secret."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"files": LISTED}))
    seal = hmac.digest(KEY.public().pem.encode(), signed.encode(), "sha256")
    return {**FILES, SIGNATURES: json.dumps({"signatures": [f"{signed}.{encoded(seal)}"]}).encode()}


def encoded(part: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def unsigned() -> dict[str, bytes]:
    """Return files with a signature that says it is none."""
    parts = json.loads(SIGNED[SIGNATURES])["signatures"][0].split(".")
    return {**FILES, SIGNATURES: json.dumps({"signatures": [f"eyJhbGciOiJub25lIn0.{parts[1]}."]}).encode()}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (lambda: FILES, "is not signed"),
        (lambda: {**FILES, SIGNATURES: b"{}"}, "is not signed with this key"),
        (lambda: {**FILES, SIGNATURES: b'{"signatures": []}'}, "is not signed with this key"),
        (lambda: {**FILES, SIGNATURES: b'{"signatures": ["a.b.c"]}'}, "is not signed with this key"),
        (lambda: {**FILES, SIGNATURES: b"[" * 100_000}, "is not signed with this key"),
        (lambda: SigningKey.create().sign(FILES), "is not signed with this key"),
        (shared, "is not signed with this key"),
        (unsigned, "is not signed with this key"),
        (lambda: without("data.json"), "holds other files than were signed"),
        (lambda: {**SIGNED, "b.rego": b"package b\n"}, "holds other files than were signed"),
        (lambda: {**SIGNED, "authz/a.rego": FILES["authz/a.rego"] + b"\n"}, "is not the one that was signed: 'authz/a.rego'"),
        (lambda: {**SIGNED, "data.json": FILES["data.json"].replace(b"1.0", b"1")}, "is not the one that was signed"),
        (lambda: {**SIGNED, ".manifest": b'{"revision": "v2"}'}, "is not the one that was signed"),
        (lambda: {**SIGNED, "data.json": b"{"}, "has a file that is no JSON: 'data.json'"),
        (lambda: resigned({"files": [*LISTED, LISTED[0]]}), "in a way that is not taken here"),
        (lambda: resigned({"files": [{**each, "algorithm": "MD5"} for each in LISTED]}), "in a way that is not taken here"),
        (lambda: resigned({"files": LISTED, "scope": "write"}), "in a way that is not taken here"),
        (lambda: resigned({"files": LISTED}, plugin="mine"), "in a way that is not taken here"),
        (lambda: resigned({"files": "all"}), "is not signed with this key"),
        (lambda: resigned({"files": LISTED}, key=ECKey.generate_key("P-256")), "is not signed with this key"),
        (lambda: KEY.sign({**FILES, "x/data.yaml": b"a: 1\n"}), "holds data in YAML"),
    ],
)
def test_attack_by_signature(files: Callable[[], dict[str, bytes]], said: str) -> None:
    """Whatever was not signed with the key, file by file, is refused: missing, other, swapped, weak and made-up signatures."""
    with pytest.raises(ValueError, match=said):
        verify(files(), KEY.public())


def test_white_space_and_order_are_not_what_is_signed() -> None:
    """As OPA has it: a structured file is what it says, so its bytes may differ."""
    data = json.dumps(json.loads(FILES["data.json"]), indent=1).replace("1000.0", "1e3").encode()
    assert data != FILES["data.json"]

    verify({**SIGNED, "data.json": data}, KEY.public())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PUBLIC KEY-----\n",
        KEY.private().reveal(),
        ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        rsa.generate_private_key(65537, 1024)  # noqa: S505  # a key that is to be refused
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ],
    ids=["empty", "cut", "private", "another curve", "short"],
)
def test_what_verifies_nothing(pem: bytes) -> None:
    """Only a public key of a form that OPA and we take alike."""
    with pytest.raises(ValueError, match="is no public key in PEM form"):
        VerificationKey.read(pem)


@pytest.mark.parametrize("pem", [b"", b"secret", KEY.public().pem.encode(), b"{}"])
def test_what_signs_nothing(pem: bytes) -> None:
    """The error does not repeat what may be a key."""
    with pytest.raises(ValueError, match="is no private EC key") as refused:
        SigningKey.read(Secret(pem))

    assert "secret" not in str(refused.value)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_the_digest_of_data_is_of_what_it_says(value: Any) -> None:
    """However a document is written, its digest is one; of another document it is another."""
    one = digest("data.json", json.dumps({"a": value, "b": 1}).encode())
    other = digest("x/data.json", json.dumps({"b": 1, "a": value}, indent=2, ensure_ascii=True).encode())
    changed = digest("data.json", json.dumps({"a": [value], "b": 1}).encode())

    assert one == other
    assert one != changed
