"""Forward proxies, from variables and by setting, and the targets that NO_PROXY keeps from them."""

from __future__ import annotations

from tests.first_contact.conftest import Play
from tests.first_contact.environment import Command, End, Environment, Server, mistaken, passes, refused, undecided
from tests.first_contact.proxies import REFUSED, SIGN_IN, TO_SIGN_IN, WANTS_LOGIN, ForwardProxy, SocksProxy
from tests.first_contact.relay import Relay
from tests.first_contact.wire import Reply

# A name that nobody but the proxies of these rows can resolve: what reaches the plane went through them.
HOST = "runai.corp.invalid"
INSIDE, INSIDE_TLS = f"http://{HOST}", f"https://{HOST}"
KNOWN = {f"{HOST}:80": "plane", f"{HOST}:443": "tls"}
BY_VARIABLE, SOCKS_FOR_ALL = "the proxy http://{proxy} (HTTP_PROXY)", "the proxy socks5h://{proxy} (ALL_PROXY)"
CONNECT = "the proxy http://{proxy} (HTTPS_PROXY)"
PLAIN = {"proxy": Server(lambda: ForwardProxy(KNOWN))}
LOGIN = {"proxy": Server(lambda: ForwardProxy(KNOWN, login="user:p@ss"))}
SOCKS = {"proxy": Server(lambda: SocksProxy(KNOWN))}
SOCKS_LOGIN = {"proxy": Server(lambda: SocksProxy(KNOWN, login="user:p@ss"))}
BEHIND = {"tls": Server(Relay, tls=lambda certificates: certificates.good)}
TRUSTED = ("--ca-file", "{authority}")


def answering(reply: Reply) -> dict[str, Server]:
    """A proxy that has one answer for everybody."""
    return {"proxy": Server(lambda: ForwardProxy(KNOWN, answers=reply))}


def through(
    name: str, end: End, servers: dict[str, Server] = PLAIN, no_proxy: str | None = None, **more: str
) -> Environment:
    """A target known to the proxy alone, which HTTP_PROXY names."""
    env: dict[str, str | None] = {"HTTP_PROXY": "http://{proxy}", "NO_PROXY": no_proxy, **more}
    leaves = 5 if end.code else None
    return Environment(name, end, servers=servers, base_url=INSIDE, env=env, leaves=leaves)


def passed_over(
    name: str, no_proxy: str, base_url: str = INSIDE, says: str = f"the host name {HOST} does not resolve"
) -> Environment:
    """NO_PROXY names the target: nothing arrives at the proxy, and without it the target cannot be reached."""
    env: dict[str, str | None] = {"HTTP_PROXY": "http://{proxy}", "NO_PROXY": no_proxy}
    flags = ("--request-timeout", "1")
    return Environment(name, undecided(says), servers=PLAIN, base_url=base_url, env=env, flags=flags, leaves=0)


ROWS = [
    through("http-proxy", passes()),
    through("http-proxy-in-lower-case", passes(), HTTP_PROXY="", http_proxy="http://{proxy}"),
    through("http-proxy-without-scheme", passes(), HTTP_PROXY="{proxy}"),
    through("http-proxy-with-login", passes(), LOGIN, HTTP_PROXY="http://user:p%40ss@{proxy}"),
    Environment(
        "https-through-connect",
        passes(),
        servers={**BEHIND, **LOGIN},
        base_url=INSIDE_TLS,
        env={"HTTPS_PROXY": "http://user:p%40ss@{proxy}"},
        flags=TRUSTED,
    ),
    Environment(
        "proxy-spoken-to-by-tls",
        passes(),
        servers={"proxy": Server(lambda: ForwardProxy(KNOWN), tls=lambda certificates: certificates.good)},
        base_url=INSIDE,
        env={"HTTP_PROXY": "https://{proxy}"},
        flags=TRUSTED,
    ),
    Environment("proxy-by-flag", passes(), servers=PLAIN, base_url=INSIDE, flags=("--proxy", "http://{proxy}")),
    Environment(
        "proxy-by-file", passes(), servers=PLAIN, base_url=INSIDE, files={"assay.toml": 'proxy = "http://{proxy}"\n'}
    ),
    Environment(
        "proxy-with-password-by-variable",
        passes(),
        servers=LOGIN,
        base_url=INSIDE,
        env={"ASSAY_PROXY": "http://user:p%40ss@{proxy}"},
    ),
    Environment(
        "setting-before-variable",
        passes(),
        servers=PLAIN,
        base_url=INSIDE,
        env={"ASSAY_PROXY": "http://{proxy}", "HTTP_PROXY": "http://127.0.0.1:9"},
    ),
    through("socks-for-all", passes(), SOCKS, HTTP_PROXY="", ALL_PROXY="socks5h://{proxy}"),
    through("socks-with-login", passes(), SOCKS_LOGIN, HTTP_PROXY="", ALL_PROXY="socks5h://user:p%40ss@{proxy}"),
    Environment(
        "socks-by-setting-with-tls",
        passes(),
        servers={**BEHIND, **SOCKS},
        base_url=INSIDE_TLS,
        flags=("--proxy", "socks5h://{proxy}", *TRUSTED),
    ),
    through("proxy-wants-login", refused(f"{BY_VARIABLE} refuses requests to {HOST}:80: 407"), LOGIN),
    through(
        "proxy-refuses-login",
        refused("user name and password in HTTP_PROXY are not accepted"),
        answering(WANTS_LOGIN),
        HTTP_PROXY="http://user:wrong@{proxy}",
    ),
    through("proxy-refuses", refused(f"{BY_VARIABLE} refuses requests to {HOST}:80: 403"), answering(REFUSED)),
    through(
        "proxy-shows-sign-in-page",
        refused(f"{BY_VARIABLE} answers requests to {HOST}:80 with an HTML page (200)"),
        answering(SIGN_IN),
    ),
    through(
        "proxy-redirects-to-sign-in",
        refused(f"{BY_VARIABLE} redirects requests to {HOST}:80 to http://portal.example.com/login (302)"),
        answering(TO_SIGN_IN),
    ),
    *(
        Environment(
            f"connect-{name}",
            refused(says),
            servers=answering(reply),
            base_url=INSIDE_TLS,
            env={"HTTPS_PROXY": "http://{proxy}"},
            leaves=5,
        )
        for name, says, reply in (
            ("wants-login", f"{CONNECT} refuses CONNECT {HOST}:443: 407", WANTS_LOGIN),
            ("refused", f"{CONNECT} refuses CONNECT {HOST}:443: 403", REFUSED),
            ("shows-page", f"{CONNECT} answers CONNECT with an HTML page instead of a tunnel", SIGN_IN),
            ("redirects", CONNECT, TO_SIGN_IN),
        )
    ),
    through(
        "no-proxy-listens",
        refused("the proxy http://127.0.0.1:9 (HTTP_PROXY) cannot be reached"),
        HTTP_PROXY="http://127.0.0.1:9",
    ),
    through(
        "proxy-does-not-know-target",
        refused(f"{BY_VARIABLE} cannot do requests to {HOST}:80: 502"),
        {"proxy": Server(ForwardProxy)},
    ),
    through(
        "socks-refuses",
        refused(f"{SOCKS_FOR_ALL} does not connect to {HOST}:80: its rules do not allow that"),
        {"proxy": Server(lambda: SocksProxy(KNOWN, refuses=True))},
        HTTP_PROXY="",
        ALL_PROXY="socks5h://{proxy}",
    ),
    through(
        "socks-wants-login",
        refused(f"{SOCKS_FOR_ALL} refuses this client"),
        SOCKS_LOGIN,
        HTTP_PROXY="",
        ALL_PROXY="socks5h://{proxy}",
    ),
    through(
        "socks-url-of-http-proxy",
        refused(f"{SOCKS_FOR_ALL} did not answer"),
        HTTP_PROXY="",
        ALL_PROXY="socks5h://{proxy}",
    ),
    through("http-url-of-socks-proxy", refused(f"{BY_VARIABLE}"), SOCKS),
    through(
        "proxy-of-another-kind",
        mistaken("HTTP_PROXY: the proxy ftp://proxy.example.com cannot be used: no proxy is spoken to by ftp"),
        HTTP_PROXY="ftp://proxy.example.com",
    ),
    through(
        "proxy-port-is-no-number",
        mistaken("its port is no number from 1 to 65535"),
        HTTP_PROXY="http://proxy.example.com:port",
    ),
    through(
        "no-proxy-of-others",
        passes(),
        no_proxy="192.0.2.7, fd00::/8,[::1]:80, .example.com,10.0.0.0/8,corp.invalid:8080",
    ),
    passed_over("no-proxy-for-all", "*"),
    passed_over("no-proxy-for-domain", "corp.invalid"),
    passed_over("no-proxy-for-suffix", "localhost, .corp.invalid"),
    passed_over("no-proxy-for-port", "corp.invalid:80"),
    passed_over("no-proxy-for-network", "192.0.2.0/24", "http://192.0.2.7", "192.0.2.7:80"),
    passed_over("no-proxy-for-ipv6-network", "2001:db8::/32", "http://[2001:db8::7]", "[2001:db8::7]:80"),
    passed_over("no-proxy-in-brackets", "[2001:db8::7]:80", "http://[2001:db8::7]", "[2001:db8::7]:80"),
]


def test_proxies(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
