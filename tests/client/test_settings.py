"""Settings: layers, origins, messages, secrets, hand-over."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from assay.client.handover import HAND_OVER, from_env, hand_over, handed_over
from assay.client.layers import load_settings
from assay.client.offer import GpuRefusal, Offer
from assay.client.settings import SECRETS, SHOWABLE, Settings
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


def test_blanks_around_a_url_do_not_matter() -> None:
    assert load_settings({"base_url": " http://127.0.0.1:19201/ \n"}, env={}).base_url == "http://127.0.0.1:19201"


def test_a_settings_file_that_is_a_folder_or_a_link_to_nothing_is_told_how_to_mend() -> None:
    Path("assay.toml").mkdir()
    assert refused() == (
        "assay.toml cannot be read: it is a folder\nremove that folder, or mount the file itself there"
    )
    Path("assay.toml").rmdir()
    Path("assay.toml").symlink_to("gone.toml")
    assert refused().endswith("\nremove the link, or put the file where it leads to")
    assert refused(config=Path("other.toml")).endswith("\n--config names an assay.toml")


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
        ({"max_live": 0}, {}, "--max-live: expected at least 1, found 0"),
        ({}, {"ASSAY_CONCURRENCY": "many"}, "ASSAY_CONCURRENCY: expected an integer, found 'many'"),
        ({"fail_on": "all"}, {}, "--fail-on: expected one of violation, gap or advisory, found 'all'"),
        ({"cluster": "prod"}, {}, "--cluster: a cluster is named by its UUID"),
        ({"project": " \n"}, {}, "--project: expected text of 1 character or more, found"),
        ({"base_url": "https://a..example.com"}, {}, "each part of a host name has 1 to 63 characters"),
        ({"base_url": f"https://{'a' * 64}.example.com"}, {}, "each part of a host name has 1 to 63 characters"),
        ({"name_prefix": "Bad_Prefix"}, {}, "--name-prefix: a prefix is 1 to 20 lower-case letters"),
        ({"base_url": "api.example.com"}, {}, "perhaps https://api.example.com"),
        ({"base_url": "ftp://example.com"}, {}, "begins with https:// or http://, not with ftp://"),
        ({"base_url": "https://"}, {}, "a base URL is https://host"),
        ({"base_url": "https://h/x?y=1"}, {}, "ends before '?' and '#'"),
        ({"base_url": "https://h:99999"}, {}, "the port of a URL is a number from 1 to 65535"),
        ({"base_url": "http://127.0.0.1:19299x"}, {}, "the port of a URL is a number from 1 to 65535"),
        ({"token_url": "https://h:x/t"}, {}, "the port of a URL is a number from 1 to 65535"),
        ({"base_url": "http://[fd00::1"}, {}, "an IPv6 address stands in brackets, as in https://[fd00::1]:8443"),
        ({"request_timeout": float("inf")}, {}, "--request-timeout"),
        ({"insecure": True, "ca_file": Path("a.pem")}, {}, "insecure switches certificate checks off"),
    ],
)
def test_a_wrong_value_names_place_and_expectation(
    flags: dict[str, object], env: dict[str, str], expected: str
) -> None:
    assert expected in refused(flags, env)


def test_line_breaks_that_come_with_variables_are_let_go() -> None:
    cluster = "71f69d83-ba66-4822-adf5-55ce55efd210"
    env = {"ASSAY_PROJECT": "4500\n", "ASSAY_CLUSTER": f"{cluster}\r\n", "ASSAY_BASE_URL": "https://h.example.\n"}
    settings = load_settings({}, env=env)
    assert (settings.project, settings.cluster, settings.base_url) == ("4500", cluster, "https://h.example.")


@pytest.mark.parametrize(
    ("value", "todo"), [("canary\udcff", "write it in UTF-8"), ("canary\udcc3\udca4", "set LC_ALL=C.UTF-8")]
)
@pytest.mark.parametrize("name", ["ASSAY_CLIENT_ID", "ASSAY_PROJECT", "ASSAY_HEADER_X"])
def test_a_variable_that_is_no_text_is_refused_without_its_value(name: str, value: str, todo: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, env={name: value})
    assert caught.value.message == f"the value of {name} is no text"
    assert todo in str(caught.value.hint)


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
    message = refused({name: "http://user:canary@proxy" if name in SHOWABLE else "canary"})
    assert f"set ASSAY_{name.upper()}" in message
    assert "canary" not in message


@pytest.mark.parametrize("name", sorted({*SECRETS} - {*SHOWABLE}))
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
    parent.offered(Offer(gpus=False, gpu_refusal=GpuRefusal(body={"name": "x"}, status=403, headers={}, text="no")))
    variables = hand_over(parent, tmp_path)
    file = Path(variables[HAND_OVER])
    assert "canary" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    child = from_env(variables)
    assert child == parent.model_copy(update={"out": Path("o").absolute()})  # the child may work in another folder
    assert child.origin("max_live") == "--max-live"
    assert child.offer == parent.offer
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
    Path("token").write_text("1")
    samples: dict[str, Any] = {"base_url": "https://h", "cluster": CLUSTER, "fail_on": "gap", "name_prefix": "x"}
    samples |= dict.fromkeys(("token_file", "outsider_token_file"), "token")
    samples |= dict.fromkeys(("token_url", "outsider_token_url"), "/token")
    beside = {"client_key": {"ASSAY_CLIENT_CERT": "c.pem"}}
    for name, field in Settings.model_fields.items():
        text = samples.get(name, "true" if field.annotation is bool else "1")
        variable = "ASSAY_HEADER_X" if name == "headers" else "ASSAY_" + name.upper()
        loaded = load_settings({}, env={variable: text} | beside.get(name, {}))
        assert loaded.was_given(name), name


def test_a_proxy_without_a_password_may_stand_in_a_flag_and_with_one_in_the_file() -> None:
    write('proxy = "http://user:canary@file:1"')
    assert secret(load_settings({}, env={}).proxy) == "http://user:canary@file:1"
    loaded = load_settings({"proxy": "socks5h://flag:1"}, env={"ASSAY_PROXY": "http://user:canary@env:1"})
    assert (secret(loaded.proxy), loaded.origin("proxy")) == ("socks5h://flag:1", "--proxy")
    assert secret(load_settings({"proxy": "none"}, env={}).proxy) == "none"
    assert "ASSAY_PROXY: the proxy http://***@h:x cannot be used: its port" in refused(
        env={"ASSAY_PROXY": "http://user:canary@h:x"}
    )


def test_a_proxy_and_headers_reach_a_child_by_its_environment_alone(tmp_path: Path) -> None:
    write('proxy = "http://user:canary@file:1"\n[headers]\nX_Odd = "canary-x"\n')
    parent = load_settings(
        {"base_url": "https://h"}, env={"ASSAY_HEADER_X_ACCESS": "canary-y", "ASSAY_TOKEN": "canary-z"}
    )
    variables = hand_over(parent, tmp_path)
    assert "canary" not in (tmp_path / "settings.json").read_text()
    child = from_env(variables)
    assert child == parent
    assert {name: secret(value) for name, value in child.headers.items()} == {
        "X_Odd": "canary-x",
        "X-Access": "canary-y",
    }
    assert "canary" not in repr(child) + child.model_dump_json()


def test_what_is_for_a_real_target_never_reaches_the_embedded_one(tmp_path: Path) -> None:
    env = {"ASSAY_PROXY": "http://p:1", "ASSAY_HEADER_X": "canary", "ASSAY_TOKEN": "t", "ASSAY_CA_FILE": "ca.pem"}
    embedded = load_settings({}, env=env).with_embedded("http://127.0.0.1:1", "p", CLUSTER, client_id="id")
    child = from_env({**env, **hand_over(embedded, tmp_path)})
    assert (child.proxy, child.headers, child.token, child.ca_file) == (None, {}, None, None)


def test_headers_of_the_environment_replace_those_of_the_file_in_any_case() -> None:
    write('[headers]\nx-access = "old"\nOther = "kept"\n')
    loaded = load_settings({}, env={"ASSAY_HEADER_X_ACCESS": " new\n"})
    assert {name: secret(value) for name, value in loaded.headers.items()} == {"X-Access": "new", "Other": "kept"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('headers = "X: canary"', "assay.toml:1: headers is a table"),
        ('[headers]\nAuthorization = "canary"', "assay.toml:2: assay sets Authorization itself"),
        ('[headers]\nHOST = "canary"', "assay.toml:2: assay sets HOST itself"),
        ('[headers]\n"X Y" = "canary"', "assay.toml:2: 'X Y' is no name of a header"),
        ("[headers]\nX = 1", "assay.toml:2: the value of X is no text"),
        ('[headers]\nX = ""', "assay.toml:2: X has no value"),
        ('[headers]\nX = "canary\\r\\nEvil: 1"', "assay.toml:2: the value of X holds what a header cannot"),
        ('[headers]\nX = "canäry"', "assay.toml:2: the value of X holds what a header cannot"),
    ],
)
def test_headers_that_cannot_be_sent(text: str, says: str) -> None:
    write(text)
    message = refused()
    assert says in message
    assert "can" not in message.replace("cannot", "")


def test_a_header_of_the_environment_that_is_ours() -> None:
    message = refused(env={"ASSAY_HEADER_CONTENT_LENGTH": "12"})
    assert message.startswith("ASSAY_HEADER_CONTENT_LENGTH: assay sets Content-Length itself")


def test_a_key_needs_its_certificate() -> None:
    assert "give client_cert, too" in refused({"client_key": Path("key.pem")})


def secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
