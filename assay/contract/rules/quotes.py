"""Short ways to write where a quoted sentence stands."""

from __future__ import annotations

from assay.contract.rules.base import Quote


def said(place: str, text: str) -> Quote:
    """A sentence of the description of ``place``, a path below ``/components/schemas``."""
    return Quote(f"/components/schemas/{place}/description", text)


def exempts(place: str, what: str) -> Quote:
    """The sentence about ``exclude`` of the items defined at ``place``; ``what`` is what it calls such an item."""
    return said(
        f"{place}/properties/exclude",
        f"Use 'true' in case the {what} is defined in defaults of the policy, and you wish to exclude it from the "
        "workload.",
    )


def states(place: str, text: str) -> Quote:
    """A keyword's value at ``place`` below ``/components/schemas`` (``UidGidSource/enum/1``), as JSON or text."""
    return Quote(f"/components/schemas/{place}", text)
