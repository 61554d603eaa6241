"""What a tester needs beside the six operations: workloads by name and the pods of one. A target may lack both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from assay.client.exchange import Answer, NoAnswer
from assay.contract.request import Json

_WORKLOADS: Final = "/api/v1/workloads"

Get = Callable[[str], Answer | NoAnswer]

_PAGE: Final = 500  # the most entries that a list gives at once
_MOST_PAGES: Final = 40
"""Pages of a list that is read whole: 20,000 workloads, which takes a minute where a page takes 1.5 s."""

_FILTER_REFUSED: Final = frozenset({400, 422, 501})


def find_by_name(get: Get, name: str, *, prefix: bool = False) -> list[dict[str, Json]] | None:
    """Workloads of this name (``prefix``: whose name begins so), not the deleted; None: the target lacks the list.

    Every entry has ``id`` and ``name`` as strings. The filter is checked here again, so that a target which ignores
    ``filterBy`` cannot make us touch a stranger's workload; of one that refuses it the whole list is read.
    """
    condition = f"name{'=^' if prefix else '=='}{name}"
    query = quote(condition.encode("utf-8", errors="surrogatepass"), safe="")
    answer = get(f"{_WORKLOADS}?filterBy={query}&limit={_PAGE}")
    refused = isinstance(answer, Answer) and answer.status in _FILTER_REFUSED
    entries = _whole_list(get) if refused else _entries(answer, "workloads")
    if entries is None:
        return None
    return [entry for entry in entries if _is_called(entry, name, prefix) and not entry.get("deletedAt")]


def _whole_list(get: Get) -> list[dict[str, Json]] | None:
    """All workloads, page by page, each once; None: the target does not give all of them.

    Up to the first page without a new one: a short page is no end where a target gives fewer than it is asked for.
    """
    found: dict[str, dict[str, Json]] = {}
    read = 0
    for _ in range(_MOST_PAGES):
        page = _entries(get(f"{_WORKLOADS}?limit={_PAGE}&offset={read}"), "workloads")
        if page is None:
            return None
        fresh = {str(entry.get("id")): entry for entry in page if str(entry.get("id")) not in found}
        if not fresh:
            # A full page that comes again, whatever is asked for, hides the rest.
            return None if len(page) >= _PAGE else list(found.values())
        found |= fresh
        read += len(page)
    return None


def pods(get: Get, workload_id: str) -> list[dict[str, Json]] | None:
    """The pods of a workload; None when the target has no such list or does not know the workload."""
    return _entries(get(f"/api/v1/workloads/{quote(workload_id, safe='')}/pods"), "pods")


def _is_called(entry: dict[str, Json], name: str, prefix: bool) -> bool:
    called = entry.get("name")
    if not isinstance(called, str) or not isinstance(entry.get("id"), str):
        return False
    return called.startswith(name) if prefix else called == name


def _entries(answer: Answer | NoAnswer, key: str) -> list[dict[str, Json]] | None:
    if isinstance(answer, NoAnswer) or answer.status != 200:
        return None
    body = answer.json()
    entries = body.get(key) if isinstance(body, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else None
