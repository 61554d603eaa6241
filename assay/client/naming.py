"""Names that no one else has: DNS labels that begin with the run's mark."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from typing import Final

from assay.client.creation import UNNAMED
from assay.contract.request import Absent, Json, Request

_LONGEST: Final = 1_000
"""Characters. No control plane stores a longer name (Kubernetes takes 63) or could be asked for it in a URL."""


class RunNames:
    """The names that one process of a run gives. Safe to use from several threads."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._count = itertools.count(1)
        self._process = f"{os.getpid():x}"

    def name(self, label: str = "w") -> str:
        """A DNS label of at most 63 characters."""
        tail = f"{self._process}-{next(self._count)}"
        room = 63 - len(self.mark) - len(tail) - 2
        return f"{self.mark}-{label[:room].strip('-')}-{tail}" if room > 0 else f"{self.mark}-{tail}"

    def unnamed(self) -> str:
        """What the ledger calls a creation whose body holds no usable name."""
        return f"{UNNAMED}{self._process}-{next(self._count)}"

    def renamed(self, request: Request) -> Request | None:
        """The same creation under another name of this run; None when its name is not one."""
        body = request.body
        old, prefix = name_in(None if isinstance(body, Absent) else body)
        if prefix:
            return request  # the target completes it, each time differently
        given = re.match(rf"({re.escape(self.mark)}-.*?{self._process}-)\d+", old or "")
        if given is None or old is None or not isinstance(body, dict):
            return None
        new = f"{given[1]}{next(self._count)}"
        name = new + old[given.end() :]
        raw = None if request.raw is None else request.raw.replace(given[0].encode(), new.encode())
        if len(name) > max(63, len(old)) or (raw is not None and raw == request.raw):
            return None
        return replace(request, body={**body, "name": name}, raw=raw)


def name_in(body: Json) -> tuple[str | None, bool]:
    """The name in a creation's body, if a target could store it, and whether the target is to complete it."""
    if not isinstance(body, dict):
        return None, False
    name = body.get("name")
    usable = isinstance(name, str) and 0 < len(name) <= _LONGEST and name.isprintable()
    return (str(name) if usable else None), body.get("useGivenNameAsPrefix") is True
