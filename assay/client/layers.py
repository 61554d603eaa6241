"""Merges the settings of a run from their layers: flags over the environment over assay.toml."""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from assay.client.headers import PREFIX, fault_in, header_of
from assay.client.proxies import DIRECT, has_password, parse_proxy, without_password
from assay.client.settings import COMMANDS, PATHS, SECRETS, SHOWABLE, Settings, flag, variable
from assay.errors import SettingsError
from assay.files import read_text
from assay.legible import undecodable
from assay.toml_file import TomlFile
from assay.wording import said

CONFIG: Final = "assay.toml"
_FIELDS: Final = tuple(name for name in Settings.model_fields if name not in SECRETS or name in SHOWABLE)
_LISTS: Final = ("only",)
_WAYS: Final = tuple(
    {f"{prefix}{name}" for name in ("token", "token_file", "token_command", "client_id", "client_secret")}
    for prefix in ("", "outsider_")
)
"""The ways to a token of each identity."""
_READ_LATER: Final = frozenset({"token_file", "outsider_token_file"})  # and again, so that their tokens may change
_LARGEST_SECRET: Final = 64 * 1024  # bytes; what is larger is another file
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
    # A folder (what a missing bind mount becomes) or a dangling link is a mistake to tell, not a file that is absent.
    if file is None and os.path.lexists(CONFIG):
        file = Path(CONFIG)
    merged = _merged(_from_file(file) if file else {}, _from_environment(env), _from_flags(flags))
    for name in _READ_LATER & merged.keys():
        value, place = merged[name]
        _secret_file(place, str(value))
    values = {name: value for name, (value, _) in merged.items()}
    origins = {name: place for name, (_, place) in merged.items()}
    try:
        return Settings.model_validate(values).came_from(origins)
    except ValidationError as error:
        raise SettingsError(_explain(error, merged)) from None


def _without_ways(lower: Layer, upper: Layer) -> Layer:
    """What stays of a lower layer: a way to a token in the upper one takes the place of every other way."""
    gone = {name for ways in _WAYS if not ways.isdisjoint(upper) for name in ways}
    return {name: value for name, value in lower.items() if name not in gone}


def _merged(*layers: Layer) -> Layer:
    """The layers over one another, headers one by one. SettingsError when the proxy is of no use."""
    merged: Layer = {}
    headers: dict[str, tuple[str, Any]] = {}
    for layer in layers:
        given, place = layer.get("headers", ({}, ""))
        headers |= {name.lower(): (name, value) for name, value in given.items()}
        merged = _without_ways(merged, layer) | layer
    if headers:
        merged["headers"] = (dict(headers.values()), merged["headers"][1])
    url, place = merged.get("proxy", (DIRECT, ""))
    if isinstance(url, str) and url.strip().lower() != DIRECT:
        parse_proxy(url, place)
    return merged


def _from_flags(flags: Mapping[str, object]) -> Layer:
    layer: Layer = {}
    for name, value in flags.items():
        if value is None or value == [] or value == ():
            continue
        if name in SECRETS and not (name in SHOWABLE and not has_password(str(value))):
            raise SettingsError(
                f"{flag(name)} would show a secret to everyone who lists processes", hint=_way_out(name)
            )
        if name not in _FIELDS:
            raise SettingsError(f"{flag(name)} is not a setting{_nearest(name, _FIELDS, flag)}")
        layer[name] = (value, flag(name))
    return layer


def _from_environment(env: Mapping[str, str]) -> Layer:
    plain = {variable(name): name for name in Settings.model_fields if name != "headers"}
    files = {variable(name) + "_FILE": name for name in SECRETS if f"{name}_file" not in PATHS}
    layer: Layer = {}
    for key, text in env.items():
        if not key.startswith("ASSAY_") or key.startswith("ASSAY__") or key in _BESIDE or text == "":
            continue  # an empty variable is how CI systems spell "not set"
        if (todo := undecodable(text)) is not None:
            raise SettingsError(f"the value of {key} is no text", hint=todo)
        if key.startswith(PREFIX):
            given = {header_of(key): text.strip()}
            layer["headers"] = (layer.get("headers", ({}, ""))[0] | _checked(given, {header_of(key): key}, key), key)
        elif key in files:
            layer[files[key]] = (_secret_file(key, text), key)
        elif key in plain:
            name = plain[key]
            # A line break behind a secret is left by `export X=$(cat file)` on some systems and never meant.
            value = text.strip() if name in SECRETS else text
            layer.setdefault(name, (_split(text) if name in _LISTS else value, key))
        else:
            known = [*plain, *files, *_BESIDE]
            raise SettingsError(f"the environment sets {key}, which is not a setting{_nearest(key, known)}")
    for name in SECRETS:
        key = variable(name) + "_FILE"
        if env.get(key) and env.get(variable(name)):
            raise SettingsError(f"both {variable(name)} and {key} are set: unset one of them")
    return layer


def _checked(table: object, places: Mapping[str, str], place: str) -> dict[str, str]:
    """Headers by their names; SettingsError, free of their values, where one stands that cannot be sent."""
    if not isinstance(table, dict):
        raise SettingsError(
            f"{place}: headers is a table", hint='[headers], and below it lines such as X-Access = "..."'
        )
    for name, value in table.items():
        fault = fault_in(name, value) if isinstance(value, str) else f"the value of {name} is no text in quotes"
        if fault is not None:
            raise SettingsError(
                f"{places[name]}: {fault}", hint="headers are for access proxies in front of the target"
            )
    return dict(table)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _secret_file(key: str, name: str) -> str:
    secret = read_text(Path(name), called=f"{key} names {name}, which", most=_LARGEST_SECRET).strip()
    if not secret:
        raise SettingsError(f"{key} names {name}, which is empty", hint="write the secret into it, or unset it")
    return secret


def _from_file(file: Path) -> Layer:
    toml = TomlFile.read(file, hint=_cure(file))
    layer: Layer = {}
    for name, value in toml.values.items():
        place = f"{file}:{toml.line((name,))}"
        if name in SECRETS and name not in SHOWABLE:
            raise SettingsError(f"{place}: {name} is a secret and does not belong in this file", hint=_way_out(name))
        if name not in _FIELDS:
            raise SettingsError(f"{place}: {name} is not a setting{_nearest(name, _FIELDS)}")
        if name == "headers":
            places = {key: f"{file}:{toml.line((name, key))}" for key in (value if isinstance(value, dict) else ())}
            value = _checked(value, places, place)
        layer[name] = (_placed(name, value, file.parent), place)
    return layer


def _cure(file: Path) -> str:
    """What helps where a settings file cannot be read. Docker makes a folder of a mount whose source is missing."""
    if file.is_dir():
        return "remove that folder, or mount the file itself there"
    if file.is_symlink() and not file.exists():
        return "remove the link, or put the file where it leads to"
    return "--config names an assay.toml"


def _placed(name: str, value: Any, folder: Path) -> Any:
    """A path or command in a file means the same from every working directory: it counts from the file."""
    if name in PATHS and isinstance(value, str):
        return folder / value
    if name in COMMANDS and isinstance(value, str | list):
        return {"line": value if isinstance(value, str) else shlex.join(map(str, value)), "folder": folder.absolute()}
    return value


def _nearest(name: str, known: Iterable[str], spell: Any = str) -> str:
    near = difflib.get_close_matches(name.replace("-", "_"), list(known), n=1, cutoff=0.6)
    return f"; did you mean {spell(near[0])}?" if near else "; see --help for all settings"


def _way_out(name: str) -> str:
    return f"set {variable(name)}, or let {variable(name)}_FILE name a file that holds it"


def _explain(error: ValidationError, merged: Layer) -> str:
    return "\n".join(_explained(fault, merged) for fault in error.errors(include_url=False))


def _explained(fault: Mapping[str, Any], merged: Layer) -> str:
    """Where a value was given, what was expected there, and the value, unless it is a secret."""
    name = str(fault["loc"][0]) if fault["loc"] else ""
    value, place = merged.get(name, (None, "settings"))
    named = "" if place in {flag(name), variable(name)} or not name else f" {name}:"
    if not name:
        return f"{place}: {str(fault['msg']).partition(', ')[2]}"
    if name in {*SECRETS, *COMMANDS, "headers"}:
        return f"{place}:{named} {said(fault, secret=True)}"
    return f"{place}:{named} {said({**fault, 'input': without_password(value) if isinstance(value, str) else value})}"
