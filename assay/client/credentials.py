"""What proves who we are, as the settings give it: a token, a file, a program, or a client's id and secret."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from assay.errors import CredentialsError

RENEWED: Final = "from which assay renews tokens by itself"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One identity's credentials. ``prefix`` is ``ASSAY_`` or ``ASSAY_OUTSIDER_`` (for messages).

    ``folder`` is where ``token_command`` runs; ``token_url`` is an absolute URL, or a path below the base URL.
    """

    prefix: str = "ASSAY_"
    token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    token_file: Path | None = None
    token_command: str | None = None
    folder: Path | None = None
    token_url: str | None = None
    scope: str | None = None
    audience: str | None = None

    @property
    def given(self) -> bool:
        return any((self.token, self.client_id, self.client_secret, self.token_file, self.token_command))

    @property
    def pair(self) -> tuple[str, str]:
        """Client id and secret; ``check`` has seen that both are there."""
        assert self.client_id is not None
        assert self.client_secret is not None
        return self.client_id.get_secret_value(), self.client_secret.get_secret_value()

    @property
    def better(self) -> str:
        """What to use instead of a token that ends."""
        if self.client_id is not None and self.client_secret is not None:
            return f"unset {self.prefix}TOKEN, and the client credentials that are set are used, {RENEWED}"
        return f"use client credentials ({self.prefix}CLIENT_ID and {self.prefix}CLIENT_SECRET), {RENEWED}"

    def check(self) -> None:
        """CredentialsError unless there is one way to a token, and it is whole.

        A token that stands in a variable goes before client credentials, which CI systems set for everybody.
        """
        ways = [
            self.prefix + name
            for name, value in (
                ("TOKEN", self.token),
                ("TOKEN_FILE", self.token_file),
                ("TOKEN_COMMAND", self.token_command),
            )
            if value is not None
        ]
        if self.token is None and ways and (self.client_id is not None or self.client_secret is not None):
            ways.append(f"{self.prefix}CLIENT_{'ID' if self.client_id is not None else 'SECRET'}")
        if len(ways) > 1:
            raise CredentialsError(
                f"{' and '.join(ways)} are set, and each is a way to a token of its own",
                hint="unset all but one of them",
            )
        if not ways:
            self._check_client()

    def _check_client(self) -> None:
        missing = [
            self.prefix + name
            for name, value in (("CLIENT_ID", self.client_id), ("CLIENT_SECRET", self.client_secret))
            if value is None
        ]
        if missing:
            raise CredentialsError(
                f"credentials are missing: {' and '.join(missing)} not set",
                hint=f"set {self.prefix}CLIENT_ID and {self.prefix}CLIENT_SECRET (an application's credentials; "
                f"NAME_FILE variables read them from files), {self.prefix}TOKEN, {self.prefix}TOKEN_FILE or "
                f"{self.prefix}TOKEN_COMMAND",
            )


def split_command(line: str) -> list[str]:
    """The words of a command as a shell would part them; ValueError when it has none, or quotes stay open."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"the command cannot be parted into words: {str(error).lower()}") from None
    if not words or not words[0]:
        raise ValueError("the command names no program")
    return words
