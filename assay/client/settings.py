"""The settings of a run: frozen, and each value knows where it was given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from secrets import randbelow
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from assay.client.offer import Offer
from assay.client.usage import Usage

SECRETS: Final = (
    "token",
    "client_id",
    "client_secret",
    "outsider_token",
    "outsider_client_id",
    "outsider_client_secret",
    "client_key_password",
    "proxy",
)
"""Fields that are read only from ``ASSAY_<NAME>`` or from the file that ``ASSAY_<NAME>_FILE`` names."""

SHOWABLE: Final = ("proxy",)
"""Those of ``SECRETS`` that are none without a password, and may then stand in a flag; in assay.toml at any time."""

COMMANDS: Final = ("token_command", "outsider_token_command")

_OF_EACH: Final = ("token", "client_id", "client_secret", "token_file", "token_command", "token_url")

IDENTITY: Final = (
    *_OF_EACH,
    *(f"outsider_{name}" for name in _OF_EACH),
    "token_scope",
    "token_audience",
)
"""Fields that say who we are to the target."""

PATHS: Final = (
    "contract",
    "corrections",
    "out",
    "waivers",
    "ca_file",
    "client_cert",
    "client_key",
    "token_file",
    "outsider_token_file",
)
"""Fields that name a file or folder: relative to assay.toml when they stand in it, else to the working folder."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# 20 characters leave room for the run's mark and a counter within the 63 of a DNS label, and keep clear of the
# target's own limit on project plus node pool plus workload name (RUN-30746).
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Limit = Annotated[int, Field(ge=1)]


class Command(BaseModel):
    """A program with its arguments, as one line, and the folder that it was written for.

    Made from the line or from a list of its words; the folder is then the working folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    line: str
    folder: Path

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            value = shlex.join(value)
        return {"line": value, "folder": Path.cwd()} if isinstance(value, str) else value


class Settings(BaseModel):
    """What a run was told. Make one with ``assay.client.layers.load_settings``.

    ``None`` means "not given": the command or the target decides. ``base_url`` None is the embedded control plane.
    Durations are seconds. Secrets are masked in ``repr`` and ``str``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, coerce_numbers_to_str=True)

    base_url: str | None = None
    project: str | None = Field(default=None, min_length=1)
    cluster: str | None = None
    contract: Path | None = None
    corrections: Path | None = None
    out: Path | None = None
    # 32 bits, because that is what NumPy's and Hypothesis' generators both take.
    seed: int = Field(default_factory=lambda: randbelow(2**32), ge=0, lt=2**32)
    only: tuple[str, ...] = ()
    concurrency: int = Field(default=8, ge=1, le=256)
    yes: bool = False
    fail_on: Literal["violation", "gap", "advisory"] = "violation"
    waivers: Path | None = None
    request_timeout: Seconds = 30.0
    delete_deadline: Seconds = 60.0
    retry_cap: float = Field(default=30.0, ge=0, le=3600, allow_inf_nan=False)
    max_live: Limit = 10
    max_creates: Limit | None = None
    max_requests: Limit | None = None
    max_rps: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_gpu_devices: int | None = Field(default=None, ge=0)
    max_seconds: Seconds | None = None
    name_prefix: str = "assay"
    ca_file: Path | None = None
    insecure: bool = False
    client_cert: Path | None = None
    client_key: Path | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    # What exists on the target, so that cases which need it can be sent.
    image: str | None = None

    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    outsider_token: SecretStr | None = None
    outsider_client_id: SecretStr | None = None
    outsider_client_secret: SecretStr | None = None
    token_file: Path | None = None
    outsider_token_file: Path | None = None
    token_command: Command | None = None
    outsider_token_command: Command | None = None
    token_url: str | None = None
    outsider_token_url: str | None = None
    token_scope: str | None = None
    token_audience: str | None = None
    client_key_password: SecretStr | None = None
    proxy: SecretStr | None = None

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _embedded: bool = PrivateAttr(default=False)
    _used: Usage = PrivateAttr(default=Usage())
    _usage_folder: Path | None = PrivateAttr(default=None)
    _offer: Offer = PrivateAttr(default=Offer())

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        return None if value is None else plain_url(value)

    @field_validator("token_url", "outsider_token_url")
    @classmethod
    def _token_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else token_endpoint(value)

    @field_validator("project", "cluster", mode="before")
    @classmethod
    def _stripped(cls, value: object) -> object:
        return value.strip() if isinstance(value, str) else value  # as a base URL: a line break comes with variables

    @field_validator("cluster")
    @classmethod
    def _uuid(cls, value: str | None) -> str | None:
        if value is not None and not _UUID.fullmatch(value):
            raise ValueError("a cluster is named by its UUID, such as 71f69d83-ba66-4822-adf5-55ce55efd210")
        return value

    @field_validator("name_prefix")
    @classmethod
    def _dns_label(cls, value: str) -> str:
        if not _PREFIX.fullmatch(value):
            raise ValueError("a prefix is 1 to 20 lower-case letters, digits and hyphens, and begins with a letter")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.insecure and self.ca_file is not None:
            raise ValueError("insecure switches certificate checks off, so ca_file has no effect: give one of them")
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key is the key of a client certificate: give client_cert, too")
        return self

    @property
    def embedded(self) -> bool:
        """True when the target is the control plane that assay ships."""
        return self._embedded or self.base_url is None

    @property
    def gpu_limit(self) -> int | None:
        """GPU devices that may be asked for: as given, else 0 on a real target and unlimited on the embedded one."""
        return self.max_gpu_devices if self.embedded or self.max_gpu_devices is not None else 0

    @property
    def used(self) -> Usage:
        """What earlier parts of the run have used of its limits."""
        return self._used

    @property
    def usage_folder(self) -> Path | None:
        """Where this process counts what it uses; None: nobody asks."""
        return self._usage_folder

    @property
    def offer(self) -> Offer:
        """What the run has found the target to offer before this process."""
        return self._offer

    def was_given(self, name: str) -> bool:
        """True when a flag, a variable or assay.toml gave the value, even one equal to the default."""
        return self._origins.get(name, "the command's default") != "the command's default"

    def origin(self, name: str) -> str:
        """Where the value came from: ``--max-live``, ``ASSAY_MAX_LIVE``, ``assay.toml:3`` or ``the default``."""
        return self._origins.get(name, "the default")

    def came_from(self, origins: Mapping[str, str], *, embedded: bool = False) -> Self:
        """Note the origins; used by whoever builds a Settings from layers."""
        self._origins.update(origins)
        self._embedded = embedded
        return self

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value came from, of those that were given."""
        return MappingProxyType(self._origins)

    def counting(self, used: Usage, folder: Path | None) -> Self:
        """Note what the run has used before this process, which counts in ``folder``."""
        self._used = used
        self._usage_folder = folder
        return self

    def offered(self, offer: Offer) -> Self:
        """Note what the run has found the target to offer."""
        self._offer = offer
        return self

    def with_embedded(self, base_url: str, project: str, cluster: str, **credentials: str) -> Self:
        """A copy that points to a started embedded control plane and keeps ``embedded`` true.

        ``credentials`` are ``client_id``, ``client_secret``, ``outsider_client_id`` ... as plain strings.
        """
        secret = {name: SecretStr(value) for name, value in credentials.items()}
        files = ("ca_file", "client_cert", "client_key")
        cleared: dict[str, Any] = {**dict.fromkeys((*SECRETS, *IDENTITY, *files)), "headers": {}}
        copy = self.model_copy(
            update={"base_url": base_url, "project": project, "cluster": cluster, **cleared, **secret}
        )
        copy._origins = dict(self._origins)
        copy._embedded = True
        return copy

    def with_command_defaults(self, **defaults: Any) -> Self:
        """A copy in which every value that nobody gave takes the command's default."""
        fresh = {name: value for name, value in defaults.items() if not self.was_given(name)}
        copy = self.model_copy(update=fresh)
        copy._origins = {**self._origins, **dict.fromkeys(fresh, "the command's default")}
        return copy


def variable(name: str) -> str:
    """The environment variable of a field."""
    return "ASSAY_" + name.upper()


def flag(name: str) -> str:
    """The command-line flag of a field."""
    return "--" + name.replace("_", "-")


def _mended(value: str) -> str:
    """The base URL that may have been meant: a scheme, two slashes, a host."""
    scheme = "http" if value.strip().startswith("http:") else "https"
    return f"{scheme}://{re.sub(r'^(?:https?:)?[/:]*', '', value.strip()) or 'host'}"


def _no_url(error: ValueError) -> str:
    """What urlsplit found, in words that say what is expected."""
    if "port" in str(error).lower():
        return "the port of a URL is a number from 1 to 65535"
    return "no URL: an IPv6 address stands in brackets, as in https://[fd00::1]:8443"


def plain_url(value: str) -> str:
    """Return the URL without trailing slashes and blanks around; ValueError when it cannot be the root of an API."""
    value = value.strip()  # variables of CI systems often come with a line break
    if "://" not in value:
        raise ValueError(f"a base URL begins with https:// (or http://): perhaps {_mended(value)}")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(_no_url(error)) from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"a base URL begins with https:// or http://, not with {parts.scheme}://")
    if port == 0:
        raise ValueError("the port of a URL is a number from 1 to 65535")
    if re.search(r"[\s\x00-\x1f]", value):
        raise ValueError("a base URL has no spaces in it")
    if not host:
        raise ValueError(
            f"a base URL is https://host, https://host:port or either with a path: perhaps {_mended(value)}"
        )
    if any(not 0 < len(label) < 64 for label in host.removesuffix(".").split(".")) and ":" not in host:
        raise ValueError("each part of a host name has 1 to 63 characters")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a base URL carries no user name or password: set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET")
    api = re.search(r"/api/v\d+(?:/.*)?$", parts.path)
    if api is not None and not parts.query:
        raise ValueError(f"a base URL ends before {api[0]}: give {value[: value.rindex(api[0])]}")
    if parts.query or parts.fragment:
        raise ValueError("a base URL ends before '?' and '#'")
    return value.rstrip("/")


def token_endpoint(value: str) -> str:
    """Return the address of a token endpoint: an http or https URL, or a path below the base URL; else ValueError."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(_no_url(error)) from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("a token URL carries no user name or password: set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET")
    if re.search(r"[^\x21-\x7e]", value) or parts.fragment:
        raise ValueError("a token URL is printable ASCII without spaces and '#'")
    if not value.startswith("/") and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("a token URL is https://host/path, or a path below the base URL such as /api/v2/token")
    return value
