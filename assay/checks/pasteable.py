"""What a person pastes into a shell to see a finding again: the failing request, and before it what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from assay.contract.request import Request

if TYPE_CHECKING:
    from assay.checks.exchange import Exchange
    from assay.client.session import Session

# No jq: sed is wherever a POSIX shell is.
_ID: Final = r"""sed -n 's/.*"workloadId" *: *"\([^"]*\)".*/\1/p'"""


def script(session: Session, exchange: Exchange) -> str:
    """The curl line of the failing request, alone when it needs nothing.

    A request on a workload gets lines before it that create a new one (that of the run is gone) and keep its id in
    ``$W1``, and a line after it that deletes it again. Only the failing request prints its answer.
    """
    named: dict[str, str] = {}
    before = []
    for step in exchange.setup:
        line = session.curl(step.sent, auth=step.auth, shell=step.shell, named=named)
        made = step.object().get("workloadId") if step.request.operation == "create" and step.accepted else None
        if isinstance(made, str) and made and made not in named:
            named[made] = f"W{len(named) + 1}"
            before.append(f"{named[made]}=$({line} | {_ID})")
        else:
            before.append(f"{line} >/dev/null")
    failing = session.curl(exchange.sent, auth=exchange.auth, shell=exchange.shell, named=named)
    after = [
        f"{session.curl(Request('delete', {'workloadId': known}), named={known: name})} >/dev/null"
        for known, name in named.items()
    ]
    return "\n".join([*before, failing, *after])
