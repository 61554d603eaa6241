"""A valid bearer token at any time: renewed before it ends and after a 401, and the run ended when that fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from assay.client.credentials import Credentials
from assay.client.evidence import Mask
from assay.client.exchange import Answer
from assay.client.token_sources import TokenSource
from assay.client.tokens import Token, http_date, read_claims
from assay.clock import SYSTEM, Clock, clock_time
from assay.errors import AssayError, CredentialsError, TargetLostError

# runapy, the vendor's client, refreshes 60 s early; a token that lives shorter is renewed at half its life.
_EARLY: Final = 60.0

# A fresh token that is refused at once says that the 401 is not about the token: no more renewing for this long.
REST: Final = 60.0

_AGREE: Final = 2.0  # seconds; a Date has whole ones, and an answer takes a while

_AGAIN: Final = 10.0
"""Seconds after which a renewal that failed before the token's end is tried again."""

# A token may begin in the future when its issuer's clock is ahead of the target's. So long is its beginning waited
# for; verifiers that grant nothing are few, and clocks that differ by more are a matter for the operator.
_BEGINS_WITHIN: Final = 60.0


@dataclass
class Identity:
    """Gives a valid bearer token; safe to use from several threads. Secrets never appear in its repr."""

    source: TokenSource = field(repr=False)
    credentials: Credentials = field(default_factory=Credentials, repr=False)
    mask: Mask = field(default_factory=Mask, repr=False)
    clock: Clock = field(default=SYSTEM, repr=False)
    refreshes: int = 0
    was_taken: bool = False
    """Whether the target has taken these credentials before this process began."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = self._ends = float("inf")
        self._rest_until = 0.0
        self._waited_for = ""
        self._ended: AssayError | None = None

    def token(self) -> str:
        """The current token, fetched or renewed when needed.

        Raises CredentialsError (refused, or at its end) and TargetLostError (none to be had).
        """
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._token is None:
                self._renew_or_end()
            elif self.clock.time() >= self._renew_at:
                self._renew_early()
            elif self.source.changed():
                self._look_again()
            assert self._token is not None
            return self._token.value

    @property
    def ended(self) -> AssayError | None:
        """What every call of ``token`` raises from now on, if anything."""
        return self._ended

    @property
    def described(self) -> str:
        """The token in force as part of a sentence: ``a token of 300 s from /api/v2/token``."""
        life = self._token.life if self._token is not None else None
        if not self.source.renews:
            ends = f", which ends in {life:.0f} s" if life is not None else ""
            return f"the token in {self.source.described}{ends}"
        return f"a token{f' of {life:.0f} s' if life is not None else ''} from {self.source.described}"

    def renewal_helped(self) -> None:
        """A request that was refused with the last token was answered with the new one: the next 401 may be alike."""
        self._rest_until = 0.0

    def renew_after_401(self, refused: str, said: Answer | None = None, rest: float = REST) -> str | None:
        """A token to try once more after ``refused`` was answered 401 (by ``said``), or None: that would not help.

        After a renewal that did not help no other one is made for ``rest`` seconds.
        Raises CredentialsError when the token has ended and there is no other one, and what asking for a new one
        raises: now and at every later call of ``token``.
        """
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._token is None or self._token.value != refused:
                return self._token.value if self._token else None  # another thread was faster
            now = self.clock.time()
            there = _time_there(said, now)
            if self._wait_for_beginning(refused, there):
                return refused
            if now >= self._rest_until:
                self._renew_or_end()
                self._rest_until = now + rest
                if self._token.value != refused:
                    return self._token.value
            self._judge_end(refused, there)
            return None

    def end(self, said: str) -> AssayError:
        """From now on every call of ``token`` raises what this returns: the target takes no token of ours any more.

        ``said`` is what it answers. CredentialsError for a token that was given; one that is refused although it is
        new is the target's own matter, and TargetLostError.
        """
        every = f"every request is answered 401 ({self.mask.text(said)})"
        with self._lock:
            if self._ended is None and self.source.renews:
                why = f"the target takes no token any more: {every}, also with a new one"
                self._ended = TargetLostError(why, hint="look at the control plane's own health")
            elif self._ended is None:
                why = f"the target takes the token in {self.source.described} no longer: {every}"
                self._ended = CredentialsError(why, hint=self.credentials.better)
            return self._ended

    def close(self) -> None:
        self.source.close()

    def _renew(self) -> None:
        self._token = token = self.source.obtain()
        self.mask.add(token.value)
        self.refreshes += 1
        self._renew_at = self._ends = float("inf")
        if self.source.renews and token.life is not None:
            # Counted from the moment it came by our clock, so that a skewed clock does not matter.
            now = self.clock.time()
            self._renew_at = now + max(token.life - _EARLY, token.life / 2, 1.0)
            self._ends = now + token.life

    def _renew_early(self) -> None:
        """Renew a token that still lives; when that fails, it is used on to its end, and asked for again."""
        try:
            self._renew()
        except AssayError:
            now = self.clock.time()
            if now >= self._ends:
                raise
            self._renew_at = min(now + _AGAIN, self._ends)

    def _renew_or_end(self) -> None:
        """Fetch the first token, or renew one that was refused; when that fails, the run is over.

        No later 401 is an answer then, and no later request asks the endpoint again.
        """
        try:
            self._renew()
        except AssayError as error:
            self._ended = error
            raise

    def _look_again(self) -> None:
        """Take the new token of a file; one that is being written right now is left alone until the next look."""
        try:
            self._token = self.source.obtain()
        except CredentialsError:
            return
        self.mask.add(self._token.value)
        self.refreshes += 1

    def _wait_for_beginning(self, token: str, there: float) -> bool:
        """Wait once for a token that begins a little later by the target's clock; whether that was so."""
        claims = read_claims(token)
        begins = max(claims.not_before or 0.0, claims.issued or 0.0)
        wait = begins - there
        # A Date has whole seconds: less than one of them tells nothing, and one more must pass.
        if not 1.0 <= wait <= _BEGINS_WITHIN or self._waited_for == token:
            return False
        self._waited_for = token
        self.clock.sleep(wait + 1.0)
        return True

    def _judge_end(self, token: str, there: float) -> None:
        """Raise CredentialsError when the token is past its end by the target's time."""
        expires = read_claims(token).expires
        if expires is None or expires > there:
            return
        when = f"ended at {clock_time(expires, there)}: it expired {there - expires:.0f} s ago"
        why = f"the token in {self.source.described} {when}"
        self._ended = CredentialsError(why, hint=self.credentials.better)
        raise self._ended


def _time_there(said: Answer | None, now: float) -> float:
    """The target's time where its answer tells it, else ours; ours too when they agree, since it is finer."""
    date = http_date(said.headers.get("date")) if said is not None else None
    return now if date is None or abs(date - now) <= _AGREE else date
