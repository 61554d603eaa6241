"""Settings: layers, origins, messages, secrets, hand-over."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.client.handover import HAND_OVER, from_env, hand_over, handed_over
from assay.client.layers import load_settings
from assay.client.settings import SECRETS, Settings
from assay.errors import SettingsError

CLUSTER = "71f69d83-ba66-4822-adf5-55ce55efd210"


def write(text: str, name: str = "assay.toml") -> Path:
    file = Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def refused(
    flags: dict[str, object] | None = None, env: dict[str, str] | None = None, config: Path | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(flags or {}, env=env or {}, config=config)
    assert caught.value.exit_code == 2
    return f"{caught.value.message}\n{caught.value.hint or ''}"


def test_defaults() -> None:
    loaded = load_settings({}, env={})
    assert (loaded.base_url, loaded.concurrency, loaded.max_live, loaded.fail_on) == (None, 8, 10, "violation")
    assert (loaded.request_timeout, loaded.delete_deadline, loaded.retry_cap) == (30.0, 60.0, 30.0)
    assert loaded.name_prefix == "assay"
    assert loaded.origin("max_live") == "the default"
    assert not loaded.was_given("max_live")


def test_flags_win_over_environment_over_file() -> None:
    write("max_live = 1\nconcurrency = 1\nproject = 4501101\n")
    loaded = load_settings({"max_live": 3}, env={"ASSAY_MAX_LIVE": "2", "ASSAY_CONCURRENCY": "2"})
    assert (loaded.max_live, loaded.concurrency, loaded.project) == (3, 2, "4501101")
    assert loaded.origin("max_live") == "--max-live"
    assert loaded.origin("concurrency") == "ASSAY_CONCURRENCY"
    assert loaded.origin("project") == "assay.toml:3"


LAYERS = st.dictionaries(st.sampled_from(["flag", "env", "file"]), st.integers(1, 12))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(layers=LAYERS)
def test_the_innermost_explicit_value_wins_even_if_it_is_the_default(layers: dict[str, int]) -> None:
    file = write(f"max_live = {layers['file']}\n" if "file" in layers else "", "layered.toml")
    env = {"ASSAY_MAX_LIVE": str(layers["env"])} if "env" in layers else {}
    loaded = load_settings({"max_live": layers.get("flag")}, env=env, config=file)
    expected = next((layers[name] for name in ("flag", "env", "file") if name in layers), 10)
    assert loaded.max_live == expected
    assert loaded.was_given("max_live") == bool(layers)


def test_none_and_empty_lists_and_empty_variables_are_not_given() -> None:
    loaded = load_settings({"only": [], "project": None}, env={"ASSAY_PROJECT": ""})
    assert loaded.only == ()
    assert not loaded.was_given("project")


def test_a_commands_default_yields_to_what_was_given() -> None:
    loaded = load_settings({"max_requests": 7}, env={}).with_command_defaults(max_requests=4000, max_seconds=60.0)
    assert (loaded.max_requests, loaded.max_seconds) == (7, 60.0)
    assert not loaded.was_given("max_seconds")
    assert loaded.origin("max_seconds") == "the command's default"


def test_lists_come_from_repeated_flags_commas_and_arrays() -> None:
    write('only = ["a", "b"]\n')
    assert load_settings({"only": ["rules", "load"]}, env={}).only == ("rules", "load")
    assert load_settings({}, env={"ASSAY_ONLY": "x, y"}).only == ("x", "y")
    assert load_settings({}, env={}).only == ("a", "b")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings({}, env={}).max_live = 3


def test_the_seed_is_random_and_recorded() -> None:
    seeds = {load_settings({}, env={}).seed for _ in range(4)}
    assert len(seeds) > 1
    assert load_settings({"seed": 5}, env={}).seed == 5


def test_paths_in_a_file_count_from_the_file() -> None:
    write('waivers = "waivers.toml"\n', "deep/assay.toml")
    assert load_settings({}, env={}, config=Path("deep/assay.toml")).waivers == Path("deep/waivers.toml")
    assert load_settings({"waivers": Path("w.toml")}, env={}).waivers == Path("w.toml")


def test_the_config_variable_names_the_file() -> None:
    write("max_live = 4\n", "other.toml")
    assert load_settings({}, env={"ASSAY_CONFIG": "other.toml"}).max_live == 4


def test_a_misspelt_key_names_file_line_and_the_nearest_spelling() -> None:
    write("# limits\nconcurrency = 2\nmax-live = 3\n")
    assert "assay.toml:3: max-live is not a setting; did you mean max_live?" in refused()


def test_an_unknown_table_is_an_unknown_key() -> None:
    write("[target]\nproject = 'x'\n")
    assert "assay.toml:1: target is not a setting" in refused()


def test_a_misspelt_variable_names_the_nearest_spelling() -> None:
    assert "ASSAY_BASEURL, which is not a setting; did you mean ASSAY_BASE_URL?" in refused(
        env={"ASSAY_BASEURL": "x"}
    )


def test_a_misspelt_flag_names_the_nearest_spelling() -> None:
    assert "did you mean --max-live?" in refused({"max_lives": 3})


def test_variables_of_assays_own_processes_are_let_be() -> None:
    assert load_settings({}, env={"ASSAY__SETTINGS": "x", "ASSAY_STATE_DIR": "y"}).max_live == 10


@pytest.mark.parametrize(
    ("flags", "env", "expected"),
    [
        ({"max_live": 0}, {}, "--max-live: input should be greater than or equal to 1 (given: 0)"),
        ({}, {"ASSAY_CONCURRENCY": "many"}, "ASSAY_CONCURRENCY: input should be a valid integer"),
        ({"fail_on": "all"}, {}, "--fail-on: input should be 'violation', 'gap' or 'advisory' (given: 'all')"),
        ({"cluster": "prod"}, {}, "--cluster: a cluster is named by its UUID"),
        ({"name_prefix": "Bad_Prefix"}, {}, "--name-prefix: a prefix is 1 to 20 lower-case letters"),
        ({"base_url": "api.example.com"}, {}, "perhaps https://api.example.com"),
        ({"base_url": "ftp://example.com"}, {}, "begins with https:// or http://, not with ftp://"),
        ({"base_url": "https://"}, {}, "a base URL is https://host"),
        ({"base_url": "https://h/x?y=1"}, {}, "ends before '?' and '#'"),
        ({"base_url": "https://h:99999"}, {}, "not a URL"),
        ({"request_timeout": float("inf")}, {}, "--request-timeout"),
        ({"insecure": True, "ca_file": Path("a.pem")}, {}, "insecure switches certificate checks off"),
    ],
)
def test_a_wrong_value_names_place_and_expectation(
    flags: dict[str, object], env: dict[str, str], expected: str
) -> None:
    assert expected in refused(flags, env)


def test_several_wrong_values_are_told_at_once() -> None:
    message = refused({"max_live": 0, "concurrency": 0})
    assert "--max-live" in message
    assert "--concurrency" in message


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    message = refused({"base_url": "https://user:canary-url@h"})
    assert "carries no user name or password" in message
    assert "canary-url" not in message


def test_broken_toml_names_file_and_line() -> None:
    write("max_live = 1\nconcurrency =\n")
    assert "assay.toml:2: not valid TOML: Invalid value" in refused()


def test_a_config_file_that_is_named_must_exist() -> None:
    assert "nowhere.toml cannot be read: No such file" in refused(config=Path("nowhere.toml"))


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_flag_is_refused_with_the_way_out(name: str) -> None:
    message = refused({name: "canary"})
    assert f"set ASSAY_{name.upper()}" in message
    assert "canary" not in message


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_the_file_is_refused_with_the_way_out(name: str) -> None:
    write(f'max_live = 1\n{name} = "canary"\n')
    message = refused()
    assert f"assay.toml:2: {name} is a secret" in message
    assert f"ASSAY_{name.upper()}_FILE" in message
    assert "canary" not in message


def test_a_secret_can_come_from_a_file() -> None:
    write("s3cret\n", "secret.txt")
    loaded = load_settings({}, env={"ASSAY_CLIENT_SECRET_FILE": "secret.txt"})
    assert loaded.client_secret is not None
    assert loaded.client_secret.get_secret_value() == "s3cret"


def test_a_line_break_behind_a_secret_is_dropped() -> None:
    loaded = load_settings({}, env={"ASSAY_TOKEN": "abc\n"})
    assert loaded.token is not None
    assert loaded.token.get_secret_value() == "abc"


def test_secret_files_must_be_readable_not_empty_and_not_doubled() -> None:
    write("\n", "empty.txt")
    assert "ASSAY_TOKEN_FILE names nowhere.txt" in refused(env={"ASSAY_TOKEN_FILE": "nowhere.txt"})
    assert "which is empty" in refused(env={"ASSAY_TOKEN_FILE": "empty.txt"})
    write("x", "full.txt")
    assert "unset one of them" in refused(env={"ASSAY_TOKEN_FILE": "full.txt", "ASSAY_TOKEN": "canary"})


def test_secrets_are_masked_in_repr_and_str() -> None:
    loaded = load_settings({}, env={"ASSAY_" + name.upper(): f"canary-{name}" for name in SECRETS})
    assert "canary" not in repr(loaded) + str(loaded) + loaded.model_dump_json()


def test_hand_over_to_a_child_process(tmp_path: Path) -> None:
    parent = load_settings(
        {"max_live": 3, "only": ["rules/compute"], "out": Path("o"), "base_url": "https://h/", "cluster": CLUSTER},
        env={"ASSAY_CLIENT_ID": "id", "ASSAY_CLIENT_SECRET": "canary"},
    ).with_command_defaults(max_requests=4000)
    variables = hand_over(parent, tmp_path)
    file = Path(variables[HAND_OVER])
    assert "canary" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    child = from_env(variables)
    assert child == parent.model_copy(update={"out": Path("o").absolute()})  # the child may work in another folder
    assert child.origin("max_live") == "--max-live"
    assert handed_over(variables)
    assert not handed_over({})


def test_a_child_in_another_folder_finds_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = {"contract": Path("c.yaml"), "corrections": Path("o.yaml"), "waivers": Path("w.toml")}
    write('ca_file = "tls/ca.pem"', "sub/assay.toml")
    monkeypatch.setenv("ASSAY_STATE_DIR", "state")
    monkeypatch.setenv("SSL_CERT_DIR", f"certificates{os.pathsep}/etc/more")
    variables = hand_over(load_settings(flags, env={}, config=Path("sub/assay.toml")), tmp_path)
    here = Path.cwd()
    assert variables["ASSAY_STATE_DIR"] == str(here / "state")
    assert variables["SSL_CERT_DIR"] == f"{here}/certificates{os.pathsep}/etc/more"
    child = from_env(variables)
    assert (child.contract, child.corrections, child.waivers) == tuple(here / path for path in flags.values())
    assert child.ca_file == here / "sub" / "tls" / "ca.pem"


def test_the_embedded_target_stays_embedded_in_the_child(tmp_path: Path) -> None:
    real = load_settings({"base_url": "https://h"}, env={})
    embedded = load_settings({}, env={"ASSAY_TOKEN": "old"}).with_embedded(
        "http://127.0.0.1:1", "p", CLUSTER, client_id="id", client_secret="s"
    )
    assert embedded.embedded
    assert embedded.token is None
    assert from_env(hand_over(embedded, tmp_path)).embedded
    assert not real.embedded


def test_no_gpu_may_be_asked_for_on_a_real_target_unless_allowed() -> None:
    url = {"base_url": "https://h"}
    assert load_settings(url, env={}).gpu_limit == 0
    assert load_settings({**url, "max_gpu_devices": 2}, env={}).gpu_limit == 2
    assert load_settings({}, env={}).gpu_limit is None


def test_a_missing_or_broken_hand_over_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no settings were handed over"):
        from_env({})
    file = tmp_path / "broken.json"
    file.write_text("{")
    with pytest.raises(SettingsError, match="cannot be used"):
        from_env({HAND_OVER: str(file)})


def test_every_field_has_a_variable_and_a_flag_spelling() -> None:
    samples: dict[str, Any] = {"base_url": "https://h", "cluster": CLUSTER, "fail_on": "gap", "name_prefix": "x"}
    for name, field in Settings.model_fields.items():
        text = samples.get(name, "true" if field.annotation is bool else "1")
        loaded = load_settings({}, env={"ASSAY_" + name.upper(): text})
        assert loaded.was_given(name), name
