"""Where no claim says what is expected: whether the answer is as it was then, in status and shape."""

from __future__ import annotations

import re

from assay.checks.claims import Claim, leaves, path_of
from assay.checks.exchange import Deviation, Exchange
from assay.client.exchange import Answer

_MOST = 40  # lines


def as_then(exchange: Exchange, deviation: Deviation) -> tuple[Claim, ...]:
    """The claim that an answer is not the one that was found wrong: other status, or other types where it was."""
    if not isinstance(exchange.answer, Answer):
        return (Claim("answered", (), "an answer"),)
    says = f"another answer than the {exchange.status} of then"
    place = re.sub(r"^/response(/\d+)?", "", deviation.location)
    if not place.startswith("/body/"):
        return (Claim("otherwise", (str(exchange.status),), says),)
    pattern = path_of(place.removeprefix("/body"))
    shape = {" ".join(line.split(" ")[:2]) for line in leaves(exchange.body(), "body")}
    kept = sorted(line for line in shape if re.match(f"{pattern}(/| )", line))
    return (Claim("otherwise", (str(exchange.status), *kept[:_MOST]), says),)
