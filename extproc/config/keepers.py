"""What `vecgate.yaml` may say of the keepers of secrets, Vault and AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from extproc.config.forms import BaseUrl, Duration, Text, VaultPath
from extproc.config.notes import Certificate, HiddenValue, Range
from extproc.secret import SecretFile

SERVICE_ACCOUNT: Final = SecretFile(path=Path("/var/run/secrets/kubernetes.io/serviceaccount/token"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """A role of Vault's AppRole login."""

    role_id: Annotated[HiddenValue, "which role"]
    secret_id: Annotated[HiddenValue, "what proves it; read anew for each login"]
    mount: Annotated[VaultPath, "where the method is mounted"] = "approle"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """A role of Vault's Kubernetes login."""

    role: Annotated[Text, "which role"]
    token: Annotated[HiddenValue, "the service account's token; read anew for each login"] = SERVICE_ACCOUNT
    mount: Annotated[VaultPath, "where the method is mounted"] = "kubernetes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """A Vault server; one way to log in."""

    url: Annotated[BaseUrl, "its API"]
    ca: Annotated[Certificate | None, "authority of its certificate; the system's by default"] = None
    namespace: Annotated[VaultPath | None, "of an enterprise server"] = None
    mount: Annotated[VaultPath, "where the KV version 2 engine is mounted"] = "secret"
    token: Annotated[HiddenValue | None, "log in with a token; a changed file is taken"] = None
    approle: Annotated[AppRole | None, "log in with a role and its secret"] = None
    kubernetes: Annotated[Kubernetes | None, "log in with a service account"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """AWS Secrets Manager; who asks comes from AWS's own chain (environment, web identity, instance)."""

    region: Annotated[Text | None, "of the secrets; AWS's own configuration by default"] = None
    endpoint: Annotated[BaseUrl | None, "another address of the service, such as a VPC endpoint"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Where `{vault: …}` and `{aws: …}` are looked up."""

    vault: Annotated[Vault | None, "a Vault server"] = None
    aws: Annotated[Aws, "AWS Secrets Manager"] = field(default_factory=Aws)
    refresh: Annotated[Duration, Range(least=1, most=86400), "how often they are looked up anew"] = 30.0
    stale: Annotated[Duration, Range(least=1, most=86400), "how long the last known is used while they are away"] = 600.0
