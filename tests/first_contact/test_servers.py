"""Certificates, addresses and servers that are something else."""

from __future__ import annotations

from tests.first_contact.certificates import Demanding
from tests.first_contact.conftest import Play
from tests.first_contact.environment import (
    Command,
    End,
    Environment,
    Server,
    mistaken,
    passes,
    refused,
    relay,
    undecided,
)
from tests.first_contact.gateways import (
    MAINTENANCE,
    NGINX_502,
    SSO_LOGIN,
    SSO_REDIRECT,
    WELCOME,
    below,
    changed,
    compressed,
    marked,
    moved,
    wants_field,
)
from tests.first_contact.listening import Link, Raw
from tests.first_contact.relay import Alone, Relay

TLS = {"front": Server(Relay, tls=lambda certificates: certificates.good)}
WANTS_CLIENT = {"front": Server(Relay, tls=lambda certificates: certificates.demanding)}
HTTPS, TRUSTED = "https://{front}", ("--ca-file", "{authority}")
GATEWAY = {"front": relay(lambda: wants_field("X-Access-Key", "canary-access-key"))}


def says(line: bytes) -> Server:
    """A server that says ``line`` to whoever speaks to it, and hangs up."""

    async def script(link: Link) -> None:
        await link.reader.read(65536)
        await link.send(line)

    return Server(lambda: Raw(script))


async def silent(link: Link) -> None:
    """Take everything and say nothing."""
    while await link.reader.read(65536):
        pass


async def deaf(link: Link) -> None:
    """Hang up at once."""


def tls(name: str, end: End, which: str, *flags: str, **env: str) -> Environment:
    """A target with one of the certificates."""
    server = Server(Relay, tls=lambda certificates: getattr(certificates, which))
    return Environment(
        name, end, servers={"front": server}, base_url=HTTPS, flags=flags, env=env, leaves=0 if end.code else None
    )


def answers(name: str, end: End, server: Server, *flags: str, leaves: int = 5) -> Environment:
    """A target that is something else: a handful of requests must do to find out."""
    return Environment(name, end, servers={"front": server}, flags=flags, leaves=leaves)


HTTP2 = (
    b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\x00\x06\x00\x01\x00\x00"
)

ROWS = [
    tls("private-authority", passes(), "good", *TRUSTED),
    tls("private-authority-by-variable-of-openssl", passes(), "good", SSL_CERT_FILE="{authority}"),
    Environment(
        "authority-by-relative-path",
        passes(),
        servers=TLS,
        base_url=HTTPS,
        files={"tls/ca.pem": "{authority_pem}"},
        flags=("--ca-file", "tls/ca.pem"),
    ),
    Environment(
        "authority-relative-to-its-file",
        passes(),
        servers=TLS,
        base_url=HTTPS,
        files={"conf/ca.pem": "{authority_pem}", "conf/assay.toml": 'ca_file = "ca.pem"\n'},
        flags=("--config", "conf/assay.toml"),
    ),
    tls("unknown-authority", refused("comes from an authority that nobody here knows"), "good"),
    tls("self-signed", refused("is self-signed"), "self_signed"),
    tls("expired-certificate", undecided("has expired"), "expired", "--ca-file", "{expired}"),
    tls("certificate-of-another-host", refused("is not for this IP address"), "other_host", *TRUSTED),
    tls("any-certificate", passes(), "other_host", "--insecure"),
    tls(
        "client-certificate",
        passes(),
        "demanding",
        *TRUSTED,
        ASSAY_CLIENT_CERT="{client_cert}",
        ASSAY_CLIENT_KEY="{client_key}",
    ),
    Environment(
        "client-certificate-missing",
        refused("wants a client certificate"),
        servers={"front": Server(Demanding)},
        base_url=HTTPS,
        flags=TRUSTED,
    ),
    tls(
        "client-key-of-another",
        mistaken("does not belong to the client certificate"),
        "demanding",
        *TRUSTED,
        ASSAY_CLIENT_CERT="{authority}",
        ASSAY_CLIENT_KEY="{client_key}",
    ),
    Environment(
        "authority-is-no-certificate",
        mistaken("the CA file ca.pem cannot be used: there is no certificate in PEM format in it"),
        servers=TLS,
        base_url=HTTPS,
        files={"ca.pem": "not a certificate\n"},
        flags=("--ca-file", "ca.pem"),
        leaves=0,
    ),
    Environment(
        "authority-is-missing",
        mistaken("the CA file ca.pem cannot be used: no such file or directory"),
        servers=TLS,
        base_url=HTTPS,
        flags=("--ca-file", "ca.pem"),
        leaves=0,
    ),
    Environment(
        "https-of-a-http-port", refused("does not speak TLS; it seems to be plain HTTP"), base_url="https://{plane}"
    ),
    Environment("http-of-a-https-port", refused("speaks TLS, so plain HTTP gets nowhere"), servers=TLS),
    Environment("nothing-listens", undecided("nothing listens at 127.0.0.1:9"), base_url="http://127.0.0.1:9"),
    Environment(
        "name-does-not-resolve",
        undecided("the host name runai.example.invalid does not resolve"),
        base_url="https://runai.example.invalid",
    ),
    answers("http2-alone", undecided("HTTP/2"), says(HTTP2)),
    answers("ssh-server", undecided("what answers is an SSH server"), says(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")),
    answers("redis", undecided("what answers is Redis"), says(b"-ERR unknown command 'GET'\r\n")),
    answers("silence", undecided("no answer came"), Server(lambda: Raw(silent)), "--request-timeout", "1"),
    answers("hangs-up", undecided("it accepts connections, but no answer came"), Server(lambda: Raw(deaf))),
    answers(
        "web-page", undecided('an HTML page titled "Welcome to nginx!"'), Server(lambda: Alone(lambda _: WELCOME))
    ),
    answers(
        "sign-in-page",
        refused("a login page answers, not the API (200: Sign in to Example Corp)"),
        Server(lambda: Alone(lambda _: SSO_LOGIN)),
    ),
    answers(
        "gateway-without-api",
        undecided("answered by nginx, not by the API (502: Bad Gateway)"),
        Server(lambda: Alone(lambda _: NGINX_502)),
        leaves=10,
    ),
    answers("maintenance", undecided("Down for maintenance"), Server(lambda: Alone(lambda _: MAINTENANCE))),
    answers(
        "redirect-to-sign-in",
        refused("{front} redirects to https://login.example.com/authorize (302): an access proxy or single sign-on"),
        Server(lambda: Alone(lambda _: SSO_REDIRECT)),
    ),
    Environment(
        "redirect-to-another-host",
        refused("use --base-url https://runai.example.com"),
        servers={"front": relay(lambda: moved("https://runai.example.com"))},
        leaves=5,
    ),
    Environment(
        "redirect-below-a-path",
        refused("use --base-url http://{front}/runai"),
        servers={"front": relay(lambda: moved("/runai"))},
        leaves=5,
    ),
    Environment(
        "path-of-the-api-in-base-url",
        mistaken("a base URL ends before /api/v1: give http://{front}"),
        servers={"front": relay()},
        base_url="http://{front}/api/v1",
        leaves=5,
    ),
    Environment(
        "below-a-path", passes(), servers={"front": relay(lambda: below("/runai"))}, base_url="http://{front}/runai/"
    ),
    Environment(
        "wrong-path",
        undecided("http://{front}/other"),
        servers={"front": relay(lambda: below("/runai"))},
        base_url="http://{front}/other",
        leaves=5,
    ),
    Environment("ipv6-literal", passes(), servers={"front": Server(Relay, host="::1")}),
    Environment("gzip-unasked", passes(), servers={"front": relay(lambda: changed(compressed))}),
    Environment("mark-before-answers", passes(), servers={"front": relay(lambda: changed(marked))}),
    Environment(
        "access-proxy-by-file",
        passes(),
        servers=GATEWAY,
        files={"assay.toml": '[headers]\n"X-Access-Key" = "canary-access-key"\n'},
    ),
    Environment(
        "access-proxy-by-variable", passes(), servers=GATEWAY, env={"ASSAY_HEADER_X_ACCESS_KEY": "canary-access-key"}
    ),
    Environment(
        "access-proxy-without-key",
        refused("{front} redirects to https://login.example.com/authorize (302): an access proxy or single sign-on"),
        servers=GATEWAY,
        leaves=5,
    ),
]


def test_servers(row: Environment, command: Command, run: Play) -> None:
    run(row, command)
