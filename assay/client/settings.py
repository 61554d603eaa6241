"""The settings of a run: frozen, each value knows where it was given; merged from flags, environment, assay.toml."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import randbelow
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from assay.client.usage import Usage
from assay.errors import SettingsError
from assay.toml_file import TomlFile

SECRETS: Final = (
    "token",
    "client_id",
    "client_secret",
    "outsider_token",
    "outsider_client_id",
    "outsider_client_secret",
)
"""Fields that are read only from ``ASSAY_<NAME>`` or from the file that ``ASSAY_<NAME>_FILE`` names."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# 20 characters leave room for the run's mark and a counter within the 63 of a DNS label, and keep clear of the
# target's own limit on project plus node pool plus workload name (RUN-30746).
_PREFIX = re.compile(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?")

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Limit = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """What a run was told. Make one with ``assay.client.settings.load_settings``.

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
    # What exists on the target, so that cases which need it can be sent.
    image: str | None = None

    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    outsider_token: SecretStr | None = None
    outsider_client_id: SecretStr | None = None
    outsider_client_secret: SecretStr | None = None

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _embedded: bool = PrivateAttr(default=False)
    _used: Usage = PrivateAttr(default=Usage())
    _usage_folder: Path | None = PrivateAttr(default=None)

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        return None if value is None else plain_url(value)

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

    def counting(self, used: Usage, folder: Path | None) -> Self:
        """Note what the run has used before this process, which counts in ``folder``."""
        self._used = used
        self._usage_folder = folder
        return self

    def with_embedded(self, base_url: str, project: str, cluster: str, **credentials: str) -> Self:
        """A copy that points to a started embedded control plane and keeps ``embedded`` true.

        ``credentials`` are ``client_id``, ``client_secret``, ``outsider_client_id`` ... as plain strings.
        """
        secret = {name: SecretStr(value) for name, value in credentials.items()}
        cleared = dict.fromkeys(SECRETS)
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

    def to_env(self, folder: Path, *, used: Usage | None = None, usage_folder: Path | None = None) -> dict[str, str]:
        """Hand the settings to a child process: returns the variables to add to its environment.

        ``used`` is what the run has used before the child, which counts what it uses in ``usage_folder``.
        Everything but secrets goes to ``folder/settings.json`` (readable by this user alone); secrets stay in the
        environment. ``assay.client.settings.from_env`` is the inverse.
        """
        file = folder / "settings.json"
        data = HandOver(
            settings=self.model_dump(mode="json", exclude=set(SECRETS), exclude_none=True),
            origins=self._origins,
            embedded=self._embedded,
            used=used or Usage(),
            usage_folder=usage_folder.resolve() if usage_folder else None,
        )
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(data.model_dump_json(indent=1))
        variables = {HAND_OVER: str(file.resolve())}
        for name in SECRETS:
            value: SecretStr | None = getattr(self, name)
            if value is not None:
                variables[variable(name)] = value.get_secret_value()
        return variables


class HandOver(BaseModel):
    """What ``Settings.to_env`` writes: never a secret."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any]
    origins: dict[str, str]
    embedded: bool
    used: Usage = Usage()
    usage_folder: Path | None = None


HAND_OVER: Final = "ASSAY__SETTINGS"
"""Names the hand-over file. Variables with two underscores belong to assay's own processes, not to users."""

JOURNAL: Final = "ASSAY__JOURNAL"
RUN_ID: Final = "ASSAY__RUN"
PROFILE: Final = "ASSAY__PROFILE"
"""What a command hands to its contract part beside the settings: the journal's file, the run's id, its profile."""


def variable(name: str) -> str:
    """The environment variable of a field."""
    return "ASSAY_" + name.upper()


def flag(name: str) -> str:
    """The command-line flag of a field."""
    return "--" + name.replace("_", "-")


def plain_url(value: str) -> str:
    """Return the URL without trailing slashes; ValueError when it cannot be the root of an API."""
    if "://" not in value:
        raise ValueError(f"a base URL begins with https:// (or http://): perhaps https://{value}")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"a base URL begins with https:// or http://, not with {parts.scheme}://")
    if not host or port == 0 or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError("a base URL is https://host, https://host:port or either with a path behind it")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a base URL carries no user name or password: set ASSAY_CLIENT_ID and ASSAY_CLIENT_SECRET")
    if parts.query or parts.fragment:
        raise ValueError("a base URL ends before '?' and '#'")
    return value.rstrip("/")


CONFIG: Final = "assay.toml"
_FIELDS: Final = tuple(name for name in Settings.model_fields if name not in SECRETS)
_PATHS: Final = ("contract", "corrections", "out", "waivers", "ca_file")
_LISTS: Final = ("only",)
_BESIDE: Final = ("ASSAY_CONFIG", "ASSAY_STATE_DIR")  # variables that are not fields

Layer = dict[str, tuple[Any, str]]
"""Field name to its value and where it was given."""


def load_settings(
    flags: Mapping[str, object], *, env: Mapping[str, str] = os.environ, config: Path | None = None
) -> Settings:
    """Merge the layers by "was it given": an explicit value wins over every lower layer, even if it is a default.

    ``flags`` maps field names to values; None and empty lists mean "not given". ``config`` names a TOML file that
    must exist; without it ``ASSAY_CONFIG``, else ``assay.toml`` in the working directory if there is one.
    Raises SettingsError naming the place, what was expected and the nearest valid spelling.
    """
    file = config or (Path(env["ASSAY_CONFIG"]) if env.get("ASSAY_CONFIG") else None)
    if file is None and Path(CONFIG).is_file():
        file = Path(CONFIG)
    merged: Layer = {**(_from_file(file) if file else {}), **_from_environment(env), **_from_flags(flags)}
    values = {name: value for name, (value, _) in merged.items()}
    origins = {name: place for name, (_, place) in merged.items()}
    try:
        return Settings.model_validate(values).came_from(origins)
    except ValidationError as error:
        raise SettingsError(_explain(error, merged)) from None


def from_env(env: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings that a parent process handed over with ``Settings.to_env``; SettingsError if it did not."""
    try:
        handed = HandOver.model_validate_json(Path(env[HAND_OVER]).read_bytes())
        secret = {name: env[variable(name)] for name in SECRETS if env.get(variable(name))}
        settings = Settings.model_validate({**handed.settings, **secret})
        return settings.came_from(handed.origins, embedded=handed.embedded).counting(handed.used, handed.usage_folder)
    except KeyError:
        raise SettingsError(f"no settings were handed over: {HAND_OVER} is not set") from None
    except (OSError, ValidationError) as error:
        raise SettingsError(
            f"the settings handed over in {env[HAND_OVER]} cannot be used: {type(error).__name__}"
        ) from None


def handed_over(env: Mapping[str, str] = os.environ) -> bool:
    """True in a process whose parent handed its settings over."""
    return HAND_OVER in env


def _from_flags(flags: Mapping[str, object]) -> Layer:
    layer: Layer = {}
    for name, value in flags.items():
        if value is None or value == [] or value == ():
            continue
        if name in SECRETS:
            raise SettingsError(
                f"{flag(name)} would show a secret to everyone who lists processes", hint=_way_out(name)
            )
        if name not in _FIELDS:
            raise SettingsError(f"{flag(name)} is not a setting{_nearest(name, _FIELDS, flag)}")
        layer[name] = (value, flag(name))
    return layer


def _from_environment(env: Mapping[str, str]) -> Layer:
    plain = {variable(name): name for name in Settings.model_fields}
    files = {variable(name) + "_FILE": name for name in SECRETS}
    layer: Layer = {}
    for key, text in env.items():
        if not key.startswith("ASSAY_") or key.startswith("ASSAY__") or key in _BESIDE or text == "":
            continue  # an empty variable is how CI systems spell "not set"
        if key in files:
            layer[files[key]] = (_secret_file(key, text), key)
        elif key in plain:
            name = plain[key]
            # A line break behind a secret is left by `export X=$(cat file)` on some systems and never meant.
            value = text.strip() if name in SECRETS else text
            layer.setdefault(name, (_split(text) if name in _LISTS else value, key))
        else:
            known = [*plain, *files, *_BESIDE]
            raise SettingsError(f"the environment sets {key}, which is not a setting{_nearest(key, known)}")
    for key, name in files.items():
        if env.get(key) and env.get(variable(name)):
            raise SettingsError(f"both {variable(name)} and {key} are set: unset one of them")
    return layer


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _secret_file(key: str, name: str) -> str:
    try:
        secret = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError(f"{key} names {name}, which cannot be read: {reason}") from None
    if not secret:
        raise SettingsError(f"{key} names {name}, which is empty", hint="write the secret into it, or unset it")
    return secret


def _from_file(file: Path) -> Layer:
    toml = TomlFile.read(file, hint="--config names an assay.toml")
    layer: Layer = {}
    for name, value in toml.values.items():
        place = f"{file}:{toml.line((name,))}"
        if name in SECRETS:
            raise SettingsError(f"{place}: {name} is a secret and does not belong in this file", hint=_way_out(name))
        if name not in _FIELDS:
            raise SettingsError(f"{place}: {name} is not a setting{_nearest(name, _FIELDS)}")
        # A path in a file means the same from every working directory: it counts from the file.
        layer[name] = (file.parent / value if name in _PATHS and isinstance(value, str) else value, place)
    return layer


def _nearest(name: str, known: Iterable[str], spell: Any = str) -> str:
    near = difflib.get_close_matches(name.replace("-", "_"), list(known), n=1, cutoff=0.6)
    return f"; did you mean {spell(near[0])}?" if near else "; see --help for all settings"


def _way_out(name: str) -> str:
    return f"set {variable(name)}, or let {variable(name)}_FILE name a file that holds it"


def _without_password(value: Any) -> Any:
    return re.sub(r"//[^/@]*@", "//***@", value) if isinstance(value, str) else value


def _explain(error: ValidationError, merged: Layer) -> str:
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        message = fault["msg"].removeprefix("Value error, ")
        value, place = merged.get(name, (None, "settings"))
        got = "" if name in SECRETS or not fault["loc"] else f" (given: {_without_password(value)!r})"
        named = "" if place in {flag(name), variable(name)} or not name else f" {name}:"
        lines.append(f"{place}:{named} {message[:1].lower()}{message[1:]}{got}")
    return "\n".join(lines)
