"""Which proxy stands before a host: the setting, the environment's variables, NO_PROXY; and what is no proxy."""

from __future__ import annotations

import pytest

from assay.client.proxies import Proxy, exempts, find_proxy, parse_proxy, why_direct
from assay.errors import SettingsError


@pytest.mark.parametrize(
    ("no_proxy", "direct"),
    [
        ("", False),
        ("*", True),
        ("other.com,*", True),
        ("example.com", True),
        (".example.com", True),
        ("*.example.com", True),
        ("*.api.example.com", False),
        (".api.example.com", True),
        (".api.example.com.", True),
        ("api.example.com.:443", True),
        ("*example.com", True),
        (".", False),
        ("*.", False),
        ("\tother.com\n,\texample.com", True),
        ("api.example.com", True),
        ("API.Example.COM", True),
        ("api.example.com.", True),
        ("ample.com", False),
        ("*ample.com", False),
        ("other.com, example.com", True),
        ("other.com example.com", True),
        (" ,other.com,, ", False),
        ("api.example.com:443", True),
        (".example.com:443", True),
        ("api.example.com:8443", False),
        ("https://api.example.com", True),
        ("10.0.0.0/8,fd00::/8,[::1]", False),
        ("not a host:x,example.com", True),
    ],
)
def test_no_proxy_for_names(no_proxy: str, direct: bool) -> None:
    assert exempts(no_proxy, "api.example.com", 443) is direct


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:80", True),
        ("10.1.2.3", "10.1.2.3:81", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.9.9.9/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "192.0.2.7,fd00::/8", False),
        ("10.1.2.3", "10.1.2.", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::]/8", True),
        ("fe00::1", "fd00::/8", False),
        ("fd00::1", "fd00::1", True),
        ("fd00::1", "FD00:0::1", True),
        ("fd00::1", "[fd00::1]", True),
        ("fd00::1", "[fd00::1]:80", True),
        ("fd00::1", "[fd00::1]:81", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("example.com", ".example.com", True),
        ("example.com.", ".EXAMPLE.com", True),
        ("example.com", "*.example.com", False),
        ("xn--mnchen-3ya.example", "MÜNCHEN.example", True),
        ("10.1.2.3", "::ffff:10.1.2.3", True),
        ("10.1.2.3", "::ffff:10.0.0.0/104", True),
        ("11.1.2.3", "::ffff:10.0.0.0/104", False),
        ("10.1.2.3", "[::ffff:10.1.2.3]:80", True),
        ("10.1.2.3", "::/0", False),
        ("10.1.2.3", "0.0.0.0/0", True),
        ("10.1.2.3", "10.0.0.0/33", False),
        ("fe80::1%eth0", "fe80::/10", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("example.com", "10.0.0.0/8", False),
        ("münchen.example", "xn--mnchen-3ya.example", True),
    ],
)
def test_no_proxy_for_addresses(host: str, no_proxy: str, direct: bool) -> None:
    assert exempts(no_proxy, host, 80) is direct


@pytest.mark.parametrize(
    ("tls", "host", "env", "origin"),
    [
        (False, "h", {"HTTP_PROXY": "http://one:1"}, "HTTP_PROXY"),
        (False, "h", {"http_proxy": "one:1", "HTTP_PROXY": "http://two:2"}, "http_proxy"),
        (False, "h", {"http_proxy": "", "HTTP_PROXY": "http://two:2"}, None),
        (False, "h", {"HTTPS_PROXY": "http://one:1"}, None),
        (True, "h", {"HTTPS_PROXY": "http://one:1", "ALL_PROXY": "socks5://two:2"}, "HTTPS_PROXY"),
        (True, "h", {"HTTP_PROXY": "http://one:1", "ALL_PROXY": "socks5h://two:2"}, "ALL_PROXY"),
        (True, "h", {"all_proxy": "socks5h://two:2"}, "all_proxy"),
        (False, "h", {"HTTP_PROXY": "http://one:1", "REQUEST_METHOD": "GET"}, None),
        (False, "h", {"http_proxy": "http://one:1", "REQUEST_METHOD": "GET"}, "http_proxy"),
        (True, "h", {"HTTPS_PROXY": "http://one:1", "REQUEST_METHOD": "GET"}, "HTTPS_PROXY"),
        (False, "h", {"HTTP_PROXY": "http://one:1", "NO_PROXY": "h"}, None),
        (False, "h", {"HTTP_PROXY": "http://one:1", "no_proxy": "h", "NO_PROXY": "other"}, None),
        (False, "h", {"HTTP_PROXY": "http://one:1", "no_proxy": "other", "NO_PROXY": "h"}, None),
        (False, "h", {"HTTP_PROXY": "http://one:1", "no_proxy": "", "NO_PROXY": "h"}, None),
        (False, "LOCALHOST.", {"HTTP_PROXY": "http://one:1"}, None),
        (False, "::ffff:127.0.0.1", {"HTTP_PROXY": "http://one:1"}, None),
        (False, "localhost", {"HTTP_PROXY": "http://one:1"}, None),
        (False, "127.0.0.9", {"ALL_PROXY": "http://one:1"}, None),
        (False, "::1", {"ALL_PROXY": "http://one:1"}, None),
    ],
)
def test_which_variable_is_taken(tls: bool, host: str, env: dict[str, str], origin: str | None) -> None:
    found = find_proxy(tls, host, 443 if tls else 80, env)
    assert (found and found.origin) == origin


@pytest.mark.parametrize(
    ("host", "env", "setting", "why"),
    [
        ("h", {}, None, None),
        ("localhost", {}, None, None),
        ("h", {"HTTP_PROXY": "http://one:1"}, None, None),
        ("h", {"HTTP_PROXY": "http://one:1"}, "socks5h://two", None),
        (
            "h",
            {"HTTP_PROXY": "http://one:1", "NO_PROXY": "x, h"},
            None,
            "NO_PROXY names it, so HTTP_PROXY does not count",
        ),
        ("127.0.0.1", {"all_proxy": "ftp://one"}, None, "a loopback target is never asked for through all_proxy"),
        ("h", {"HTTP_PROXY": "http://one:1"}, "none", "the setting is none, in spite of HTTP_PROXY"),
    ],
)
def test_why_a_proxy_of_the_environment_is_not_taken(
    host: str, env: dict[str, str], setting: str | None, why: str | None
) -> None:
    assert why_direct(False, host, 80, env, setting) == why


@pytest.mark.parametrize(
    ("url", "origin", "is_set", "place", "round_"),
    [
        (
            "p:1",
            "--proxy",
            True,
            "ASSAY_PROXY in place of --proxy, percent-encoded: http://user:password@p:1",
            "none",
        ),
        ("socks5h://p", "a.toml:3", True, "ASSAY_PROXY, percent-encoded: socks5h://user:password@p:1080", "none"),
        ("p", "HTTP_PROXY", False, "HTTP_PROXY, percent-encoded: http://user:password@p:80", "NO_PROXY"),
        ("p", "the system's settings", False, "ASSAY_PROXY, percent-encoded: http://user:password@p:80", "NO_PROXY"),
    ],
)
def test_advice_has_effect_where_the_proxy_was_named(
    url: str, origin: str, is_set: bool, place: str, round_: str
) -> None:
    proxy = parse_proxy(url, origin, is_set=is_set)
    assert proxy.place_of_login == place
    assert round_ in proxy.way_round
    assert is_set is ("NO_PROXY" not in proxy.way_round)


def test_the_setting_wins_even_for_loopback_and_can_switch_proxies_off() -> None:
    env = {"HTTP_PROXY": "http://one:1", "NO_PROXY": "*"}
    found = find_proxy(False, "127.0.0.1", 80, env, "socks5h://two", "--proxy")
    assert found == Proxy("socks5h", "two", 1080, "--proxy")
    assert find_proxy(False, "h", 80, {"HTTP_PROXY": "http://one:1"}, " None ") is None


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("p", Proxy("http", "p", 80, "x")),
        ("http://p:3128/", Proxy("http", "p", 3128, "x")),
        ("https://p", Proxy("https", "p", 443, "x")),
        ("HTTP://[fd00::1]:8080", Proxy("http", "fd00::1", 8080, "x")),
        ("socks5://u:p%40%3A@p:9", Proxy("socks5", "p", 9, "x", "u", "p@:")),
        ("http://us%40er:pa%3Ass@two", Proxy("http", "two", 80, "x", "us@er", "pa:ss")),
        ("http://alone@p", Proxy("http", "p", 80, "x", "alone")),
    ],
)
def test_forms_of_a_proxy(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url, "x") == proxy


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://user:canary@p", "no proxy is spoken to by ftp"),
        ("http://user:canary@p:99999", "port"),
        ("http://user:canary@p:seven", "port"),
        ("http://p:canary@seven@q:x", "port"),
        ("http://p:0", "port"),
        ("http://", "no host"),
        ("http://user:canary@", "no host"),
        ("http://[::1", "invalid ipv6 url"),
        ("http://a b", "host"),
        ("socks5://" + "u" * 256 + ":canary@p", "255 bytes"),
        ("", "no host"),
    ],
)
def test_what_is_no_proxy_is_told_without_its_password(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"^HTTPS_PROXY: the proxy ") as caught:
        parse_proxy(url, "HTTPS_PROXY")
    assert says in caught.value.message
    assert "canary" not in f"{caught.value.message}{caught.value.hint}{caught.value.__cause__}"


def test_a_proxy_shows_no_password() -> None:
    proxy = parse_proxy("http://user:canary@p:3128", "ASSAY_PROXY")
    assert str(proxy) == "the proxy http://p:3128 (ASSAY_PROXY)"
    assert proxy.authorization == "Basic dXNlcjpjYW5hcnk="
    assert "canary" not in repr(proxy)
