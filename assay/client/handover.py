"""Hands the settings of a command to its child processes: a file, and the environment for secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from assay.client.offer import Offer
from assay.client.settings import PATHS, SECRETS, Settings, variable
from assay.client.usage import Usage
from assay.errors import SettingsError


class HandOver(BaseModel):
    """What ``hand_over`` writes: never a secret."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any]
    origins: dict[str, str]
    embedded: bool
    used: Usage = Usage()
    usage_folder: Path | None = None
    offer: Offer = Offer()


HAND_OVER: Final = "ASSAY__SETTINGS"
"""Names the hand-over file. Variables with two underscores belong to assay's own processes, not to users."""

JOURNAL: Final = "ASSAY__JOURNAL"
RUN_ID: Final = "ASSAY__RUN"
PROFILE: Final = "ASSAY__PROFILE"
"""What a command hands to its contract part beside the settings: the journal's file, the run's id, its profile."""


_HEADERS: Final = "ASSAY__HEADERS"
"""The headers of every request, as JSON: their values are secrets."""

_ENVIRONMENT_PATHS: Final = ("ASSAY_STATE_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables beside the settings that name a file or folder, and that our children read too."""


def hand_over(
    settings: Settings, folder: Path, *, used: Usage | None = None, usage_folder: Path | None = None
) -> dict[str, str]:
    """Hand the settings to a child process: returns the variables to add to its environment.

    ``used`` is what the run has used before the child, which counts what it uses in ``usage_folder``. Everything but
    secrets goes to ``folder/settings.json`` (readable by this user alone); secrets stay in the environment. The child
    may work in another folder, so every path is made absolute. ``from_env`` is the inverse.
    """
    file = folder / "settings.json"
    plain = settings.model_dump(mode="json", exclude={*SECRETS, "headers"}, exclude_none=True)
    data = HandOver(
        settings=plain | {name: str(Path(plain[name]).absolute()) for name in PATHS if name in plain},
        origins=dict(settings.origins),
        embedded=settings.embedded,
        used=used or Usage(),
        usage_folder=usage_folder.resolve() if usage_folder else None,
        offer=settings.offer,
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(data.model_dump_json(indent=1))
    return {HAND_OVER: str(file.resolve())} | _secrets_of(settings) | _absolute_paths(os.environ)


def _secrets_of(settings: Settings) -> dict[str, str]:
    """Each secret by its variable; empty where the user's own environment has one that does not count here."""
    values: dict[str, SecretStr | None] = {name: getattr(settings, name) for name in SECRETS}
    headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
    return {_HEADERS: json.dumps(headers)} | {
        variable(name): value.get_secret_value() if value is not None else "" for name, value in values.items()
    }


def _absolute_paths(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that name a path relative to this process's folder, made absolute."""
    named = {name: env[name] for name in _ENVIRONMENT_PATHS if env.get(name)}
    return {name: os.pathsep.join(map(os.path.abspath, path.split(os.pathsep))) for name, path in named.items()}


def from_env(env: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings that a parent process handed over with ``hand_over``; SettingsError if it did not."""
    try:
        handed = HandOver.model_validate_json(Path(env[HAND_OVER]).read_bytes())
        secret = {name: env[variable(name)] for name in SECRETS if env.get(variable(name))}
        headers = json.loads(env.get(_HEADERS) or "{}")
        settings = Settings.model_validate({**handed.settings, **secret, "headers": headers})
        settings.came_from(handed.origins, embedded=handed.embedded)
        return settings.counting(handed.used, handed.usage_folder).offered(handed.offer)
    except KeyError:
        raise SettingsError(f"no settings were handed over: {HAND_OVER} is not set") from None
    except (OSError, ValidationError) as error:
        raise SettingsError(
            f"the settings handed over in {env[HAND_OVER]} cannot be used: {type(error).__name__}"
        ) from None


def handed_over(env: Mapping[str, str] = os.environ) -> bool:
    """True in a process whose parent handed its settings over."""
    return HAND_OVER in env
