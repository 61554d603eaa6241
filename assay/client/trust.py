"""Whom a TLS connection trusts, and who we say that we are: CA files, system authorities, client certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import certifi

from assay.errors import SettingsError

_FORM: Final = "in PEM format, which begins with -----BEGIN CERTIFICATE-----"
_CA_FILE: Final = f"--ca-file takes the authority's certificate {_FORM}"
_SET_IT: Final = "set ASSAY_CLIENT_KEY_PASSWORD, or let ASSAY_CLIENT_KEY_PASSWORD_FILE name it"

# Reasons of OpenSSL's why no TLS came about, by what they mean.
NO_HTTP1: Final = frozenset({"TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "NO_APPLICATION_PROTOCOL"})
WANTS_CERTIFICATE: Final = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED"})
DISLIKES_CERTIFICATE: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)
NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)


def tls_words(reason: str) -> str:
    """What a reason of OpenSSL's means, with the reason behind it; of an unknown one the reason alone."""
    meanings = (
        (NOT_TLS, "no TLS is spoken there, it seems to be plain HTTP"),
        (NO_HTTP1, "no HTTP/1.1 is spoken there"),
        (WANTS_CERTIFICATE, "a client certificate is wanted"),
    )
    words = next((words for reasons, words in meanings if reason in reasons), None)
    return f"{words} ({reason})" if words else reason


def tls_context(ca_file: Path | None, insecure: bool, env: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Trust the authorities of ``ca_file`` alone, else of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``, else the system's.

    Raises SettingsError when one of them cannot be used.
    """
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if ca_file is None and not insecure else ():
        _check_place(name, env.get(name))
    if ca_file is not None:
        _check_file(ca_file, "the CA file", _CA_FILE)
    if insecure:
        return _trusting_everybody()
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("the CA file", ca_file, error, _CA_FILE) from None
    if ca_file is None and not (env.get("SSL_CERT_FILE") or env.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())  # slim container images have no system store
    context.set_alpn_protocols(["http/1.1"])
    # Python 3.13 and later are stricter than curl and Go: they refuse authorities that many companies still have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _trusting_everybody() -> ssl.SSLContext:
    """Without the authorities: reading them takes up to 0.4 s (OpenSSL 3.0), and nobody would ask them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def present_certificate(context: ssl.SSLContext, certificate: Path, key: Path | None, password: str | None) -> None:
    """Have ``context`` show a client certificate; its key is in ``key`` or beside it. SettingsError."""
    asked = []

    def tell() -> str:
        asked.append(True)  # without an answer of ours OpenSSL would ask on the terminal
        return password or ""

    _check_file(certificate, "the client certificate", f"client_cert takes a certificate {_FORM}")
    if key is not None:
        _check_file(key, "the key of the client certificate", "client_key takes the certificate's private key (PEM)")
    try:
        context.load_cert_chain(certificate, key, tell)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise _unfit(certificate, key, error, wanted=bool(asked), given=password is not None) from None


def _unfit(certificate: Path, key: Path | None, error: Exception, *, wanted: bool, given: bool) -> SettingsError:
    """Why a client certificate and its key are of no use."""
    reason = getattr(error, "reason", None)
    if wanted:
        text = f"the key in {key or certificate} is encrypted, and "
        text += "ASSAY_CLIENT_KEY_PASSWORD does not open it" if given else "ASSAY_CLIENT_KEY_PASSWORD is not set"
        return SettingsError(text, hint=_SET_IT)
    if reason == "KEY_VALUES_MISMATCH":
        text = f"the key in {key or certificate} does not belong to the client certificate {certificate}"
        return SettingsError(text, hint="give the key that the certificate was made for as client_key")
    if b"PRIVATE KEY" not in _content(key or certificate):
        text = f"there is no private key in {key or certificate}"
        return SettingsError(text, hint="give the certificate's key (PEM) as client_key")
    if b"BEGIN CERTIFICATE" not in _content(certificate):
        text = f"the client certificate {certificate} cannot be used: it is not PEM"
        return SettingsError(text, hint=f"client_cert takes a certificate {_FORM}")
    return _unusable("the client certificate", certificate, error, f"client_cert takes a certificate {_FORM}")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _check_file(file: Path, what: str, hint: str) -> None:
    """SettingsError unless ``file`` can be opened; never waits for a pipe, which OpenSSL would."""
    try:
        if file.exists() and not file.is_file():
            raise SettingsError(f"{what} {file} cannot be used: it is no regular file", hint=hint)
        file.open("rb").close()
    except OSError as error:
        raise _unusable(what, file, error, hint) from None


def _check_place(name: str, path: str | None) -> None:
    """SettingsError when the variable names nothing; OpenSSL would silently trust nobody."""
    if not path:
        return
    if name == "SSL_CERT_DIR":
        if not any(Path(part).is_dir() for part in path.split(os.pathsep)):
            raise SettingsError(f"SSL_CERT_DIR names {path}, which is no folder", hint="correct it, or unset it")
        return
    hint = f"correct it, or unset it; it names certificates {_FORM}"
    _check_file(Path(path), "SSL_CERT_FILE: the file", hint)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise _unusable("SSL_CERT_FILE: the file", Path(path), error, hint) from None


def _unusable(what: str, file: Path | None, error: Exception, hint: str) -> SettingsError:
    if isinstance(error, ssl.SSLError):
        why = "there is no certificate in PEM format in it"
    else:
        why = (getattr(error, "strerror", None) or str(error)).lower()
    return SettingsError(f"{what} {file} cannot be used: {why}", hint=hint)
