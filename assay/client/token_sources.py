"""Where tokens come from that are not asked for by client credentials: given as they are, in a file, by a program."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, Protocol

from pydantic import SecretStr

from assay.client.credentials import split_command
from assay.client.evidence import Mask
from assay.client.tokens import Token, read_token
from assay.clock import Clock
from assay.errors import CredentialsError
from assay.files import read_text

COMMAND_SECONDS: Final = 60.0
"""How long a program may take to print a token. Those of clouds take 1 to 5 s; a login in a browser never ends."""

LARGEST_TOKEN: Final = 256 * 1024
"""Bytes. A JWT with hundreds of groups has 20 kB; what is larger is another file."""

_TAIL: Final = 300  # characters of a program's standard error that a message shows

# What client-go tells a program of this kind; some refuse to run without it.
_EXEC_INFO: Final = (
    '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}'
)


class TokenSource(Protocol):
    """A way to a token."""

    @property
    def described(self) -> str:
        """What ends "the token in ..." or "a token from ...", free of secrets."""
        ...

    @property
    def renews(self) -> bool:
        """Whether ``obtain`` gives another token when the last one has ended."""
        ...

    def changed(self) -> bool:
        """Whether there is another token now than ``obtain`` returned."""
        ...

    def obtain(self) -> Token:
        """A token. Raises CredentialsError (exit 2) and TargetLostError (exit 3)."""
        ...

    def close(self) -> None: ...


class GivenToken:
    """A token that stands in a variable."""

    renews = False

    def __init__(self, variable: str, token: SecretStr, mask: Mask, clock: Clock) -> None:
        self.described = variable
        mask.add(token.get_secret_value())
        try:
            self._token = read_token(token.get_secret_value(), now=clock.time())
        except ValueError as error:
            raise CredentialsError(
                f"{variable} does not hold a token: {error}",
                hint="give the token alone, without 'Bearer', quotation marks and line breaks",
            ) from None

    def changed(self) -> bool:
        return False

    def obtain(self) -> Token:
        return self._token

    def close(self) -> None:
        """Nothing is held."""


class TokenFile:
    """A file that somebody else keeps up to date, as Kubernetes does with projected tokens."""

    renews = False

    def __init__(self, variable: str, file: Path, clock: Clock) -> None:
        self.described = f"{file} ({variable})"
        self._variable = variable
        self._file = file
        self._clock = clock
        self._seen: tuple[int, ...] | None = None
        self.obtain()

    def changed(self) -> bool:
        return self._signature() != self._seen

    def obtain(self) -> Token:
        self._seen = self._signature()
        named = f"{self._variable} names {self._file}, which"
        text = read_text(self._file, error=CredentialsError, called=named, most=LARGEST_TOKEN)
        try:
            return read_token(text, now=self._clock.time())
        except ValueError as error:
            raise CredentialsError(
                f"{named} does not hold a token: {error}", hint="write the token alone into it"
            ) from None

    def close(self) -> None:
        """Nothing is held."""

    def _signature(self) -> tuple[int, ...] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


class TokenCommand:
    """A program that prints a token, or the credential that kubectl's plugins print. It runs without a shell."""

    renews = True

    def __init__(
        self,
        setting: str,
        line: str,
        folder: Path | None,
        mask: Mask,
        clock: Clock,
        *,
        seconds: float = COMMAND_SECONDS,
    ) -> None:
        try:
            self._words = split_command(line)
        except ValueError as error:
            raise CredentialsError(f"{setting}: {error}", hint='for example "runai auth get-token"') from None
        self.described = f"the program {Path(self._words[0]).name} ({setting})"
        self._folder = folder
        self._mask = mask
        self._clock = clock
        self._seconds = seconds

    def changed(self) -> bool:
        return False

    def obtain(self) -> Token:
        """Run it. CredentialsError tells how it failed, with the end of its standard error."""
        try:
            process = subprocess.Popen(
                self._words,
                cwd=self._folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise self._failed(f"cannot be started: {(reason or str(error)).lower()}") from None
        printed = _Printed(process, self._seconds)
        if printed.late:
            raise self._failed(f"did not end within {self._seconds:g} s", printed.errors)
        if printed.too_long:
            raise self._failed(f"printed more than {LARGEST_TOKEN >> 10} kB, which is no token")
        if process.returncode != 0:
            ended = f"exit code {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
            raise self._failed(f"ended with {ended}", printed.errors)
        try:
            return read_token(_text(printed.output), now=self._clock.time())
        except ValueError as error:
            raise self._failed(f"prints no token: {error}", printed.errors) from None

    def close(self) -> None:
        """Nothing is held."""

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY__")}
        return {"KUBERNETES_EXEC_INFO": _EXEC_INFO, **ours}

    def _failed(self, why: str, errors: bytes = b"") -> CredentialsError:
        said = " ".join(self._mask.text(_text(errors)).split())
        tail = f" ({said if len(said) <= _TAIL else '...' + said[-_TAIL:]})" if said else ""
        return CredentialsError(f"{self.described} {why}{tail}", hint="run it by hand: it must print a token and end")


class _Printed:
    """What a program prints, read to its end; it is ended when it takes too long or prints too much."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self.late = self.too_long = False
        self.output = self.errors = b""
        timer = threading.Timer(seconds, self._end_late)
        timer.daemon = True
        aside = threading.Thread(target=self._read_errors, daemon=True)
        timer.start()
        aside.start()
        try:
            assert process.stdout is not None
            self.output = self._read(process.stdout)
            process.wait()
            aside.join()
        finally:
            timer.cancel()  # what it left running (an agent, a cache) is none of ours

    def _read(self, pipe: IO[bytes]) -> bytes:
        with pipe:
            content = pipe.read(LARGEST_TOKEN + 1)
            if len(content) > LARGEST_TOKEN:
                self.too_long = True
                self._end()
        return content

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            while block := pipe.read(65536):
                self.errors = (self.errors + block)[-4 * _TAIL :]

    def _end_late(self) -> None:
        self.late = True
        self._end()

    def _end(self) -> None:
        """End it with everything that it started, so that no pipe stays open."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _text(content: bytes) -> str:
    """What a program printed; those of PowerShell print UTF-16."""
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    return content.decode(encoding, errors="replace")
