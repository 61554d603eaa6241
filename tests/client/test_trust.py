"""Whom TLS trusts and what it shows: CA files, authorities of the environment, client certificates, and mistakes."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from assay.client.exchange import Answer, NoAnswer
from assay.client.network import TransportConfig
from assay.client.transport import HttpTransport, Transport
from assay.client.trust import present_certificate, tls_context
from assay.errors import SettingsError
from assay.load.client import RawTransport
from tests.client.servers import Reply, always, certificate, serving
from tests.client.test_network import needs_openssl

pytestmark = needs_openssl


class Files(NamedTuple):
    """A certificate and its key, one more key, the key encrypted, both in one file, and the certificate as DER."""

    cert: Path
    key: Path
    other: Path
    locked: Path
    both: Path
    der: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("trust")
    context, cert = certificate(folder)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cert)
    found = Files(
        cert,
        folder / "key.pem",
        folder / "other.pem",
        folder / "locked.pem",
        folder / "both.pem",
        folder / "c.der",
        context,
    )
    for command in (
        f"ec -in {found.key} -aes256 -passout pass:right -out {found.locked}",
        f"ecparam -name prime256v1 -genkey -noout -out {found.other}",
        f"x509 -in {cert} -outform der -out {found.der}",
    ):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    found.both.write_bytes(cert.read_bytes() + found.key.read_bytes())
    return found


@pytest.mark.parametrize("make", [HttpTransport, RawTransport], ids=["contract", "load"])
def test_both_transports_show_a_client_certificate(
    make: Callable[[TransportConfig], Transport], files: Files
) -> None:
    with serving(always(Reply(200, {})), files.context) as server:
        for cert, key in ((files.both, None), (files.cert, files.key)):
            config = TransportConfig(server.base_url, timeout=5, ca_file=files.cert, client_cert=cert, client_key=key)
            with closing(make(config)) as transport:
                assert isinstance(transport.exchange("GET", b"/"), Answer)
        config = TransportConfig(
            server.base_url,
            timeout=5,
            ca_file=files.cert,
            client_cert=files.cert,
            client_key=files.locked,
            key_password=SecretStr("right"),
        )
        with closing(make(config)) as transport:
            assert isinstance(transport.exchange("GET", b"/"), Answer)
        with closing(make(TransportConfig(server.base_url, timeout=5, ca_file=files.cert))) as transport:
            assert isinstance(transport.exchange("GET", b"/"), NoAnswer)


def refusal(certificate: Path, key: Path | None = None, password: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        present_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key, password)
    return f"{caught.value.message} | {caught.value.hint}"


def test_what_is_wrong_with_a_client_certificate(files: Files, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.pem"
    assert f"the client certificate {nowhere} cannot be used: no such file or directory" in refusal(nowhere)
    assert f"the key of the client certificate {nowhere} cannot be used" in refusal(files.cert, nowhere)
    assert f"there is no private key in {files.cert}" in refusal(files.cert)
    assert f"the client certificate {files.der} cannot be used: it is not PEM" in refusal(files.der, files.key)
    assert f"there is no private key in {files.der}" in refusal(files.cert, files.der)
    wrong = refusal(files.cert, files.other)
    assert f"the key in {files.other} does not belong to the client certificate {files.cert}" in wrong
    assert "it is no regular file" in refusal(tmp_path)


def test_an_encrypted_key_asks_for_its_password_and_never_on_the_terminal(files: Files) -> None:
    without = refusal(files.cert, files.locked)
    assert f"the key in {files.locked} is encrypted, and ASSAY_CLIENT_KEY_PASSWORD is not set" in without
    wrong = refusal(files.cert, files.locked, "canary")
    assert "ASSAY_CLIENT_KEY_PASSWORD does not open it" in wrong
    assert "canary" not in wrong
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    present_certificate(context, files.cert, files.locked, "right")


def untrusted(env: dict[str, str], ca_file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        tls_context(ca_file, insecure=False, env=env)
    assert caught.value.exit_code == 2
    return caught.value.message


def test_what_is_wrong_with_a_ca_file(files: Files, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert untrusted({}, empty) == f"the CA file {empty} cannot be used: there is no certificate in PEM format in it"
    assert untrusted({}, files.der).endswith("there is no certificate in PEM format in it")
    assert untrusted({}, tmp_path).endswith("it is no regular file")
    assert untrusted({}, pipe).endswith("it is no regular file")
    assert untrusted({}, tmp_path / "none.pem").endswith("no such file or directory")


def test_what_is_wrong_with_the_authorities_of_the_environment(files: Files, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none.pem")
    assert (
        untrusted({"SSL_CERT_FILE": nowhere})
        == f"SSL_CERT_FILE: the file {nowhere} cannot be used: no such file or directory"
    )
    assert "no certificate in PEM format" in untrusted({"SSL_CERT_FILE": str(files.der)})
    assert untrusted({"SSL_CERT_DIR": nowhere}) == f"SSL_CERT_DIR names {nowhere}, which is no folder"
    assert tls_context(files.cert, insecure=False, env={"SSL_CERT_FILE": nowhere})  # not asked
    assert tls_context(None, insecure=True, env={"SSL_CERT_FILE": nowhere})


@pytest.mark.parametrize("make", [HttpTransport, RawTransport], ids=["contract", "load"])
def test_the_authorities_of_the_environment_count(
    make: Callable[[TransportConfig], Transport], files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    with serving(always(Reply(200, {})), context) as server:
        for named, kind in ((str(files.cert), Answer), ("", NoAnswer)):
            monkeypatch.setenv("SSL_CERT_FILE", named)
            with closing(make(TransportConfig(server.base_url, timeout=5))) as transport:
                assert isinstance(transport.exchange("GET", b"/"), kind)
