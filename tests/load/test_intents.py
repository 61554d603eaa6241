"""The relayed ledger: on both disks before a creation leaves, and the same in both at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from assay.client.ledger import Ledger
from assay.errors import ReportError
from assay.load import intents as module
from assay.load.intents import Names, RelayedLedger, keep
from assay.load.messages import LedgerRows, Message


class Wire:
    """A worker's relay and the master's ledger, with what goes between them."""

    def __init__(self, folder: Path) -> None:
        self.own = Ledger(folder / "own.jsonl")
        self.master = Ledger(folder / "master.jsonl")
        self.messages: list[LedgerRows] = []
        self.confirms = True
        self.relay = RelayedLedger(self.own, self._tell)

    def _tell(self, message: Message) -> None:
        assert isinstance(message, LedgerRows)
        self.messages.append(message)
        if self.confirms:
            gevent.spawn(self._arrive, message)

    def _arrive(self, events: LedgerRows) -> None:
        keep(self.master, events)
        self.relay.kept(events.number)


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    made = Wire(tmp_path)
    yield made
    made.own.close()
    made.master.close()


def test_an_intent_is_on_both_disks_when_the_name_is_given_out(wire: Wire) -> None:
    name = Names(wire.relay, "assay-1").take()
    assert name in wire.own.unresolved()
    assert name in wire.master.unresolved()


def test_without_the_masters_word_no_name_is_given_out(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONFIRM_SECONDS", 0.05)
    wire.confirms = False
    with pytest.raises(ReportError, match="the master did not confirm within 0 s that 64 names are on its disk"):
        Names(wire.relay, "assay-1").take()


def test_an_old_confirmation_confirms_nothing_new(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONFIRM_SECONDS", 0.05)
    wire.relay.intend("a")
    wire.confirms = False
    gevent.spawn_later(0.01, wire.relay.kept, 1)
    with pytest.raises(ReportError):
        wire.relay.intend("b")


def test_both_ledgers_tell_the_same_in_the_end(wire: Wire) -> None:
    relay = wire.relay
    relay.intend("a", "b", "c", "d")
    relay.created("a", "id-a")
    relay.refused("b")
    relay.lost("c")
    relay.searched("c")
    relay.created("d", "id-d")
    relay.delete_sent("id-a")
    relay.delete_taken("id-a")
    relay.gone("id-a")
    assert wire.master.unresolved().keys() == {"a", "b", "c", "d"}  # not sent yet
    relay.send()
    gevent.sleep(0.05)
    for ledger in (wire.own, wire.master):
        assert ledger.live().keys() == {"id-d"}
        assert not ledger.unresolved()
        assert ledger.state().workloads["id-a"].delete_taken


def test_what_gathered_goes_before_new_intents_and_only_once(wire: Wire) -> None:
    wire.relay.intend("a")
    wire.relay.created("a", "id-a")
    wire.relay.intend("b")
    assert [message.rows for message in wire.messages] == [
        [["intend", "a"]],
        [["created", "a", "id-a"], ["intend", "b"]],
    ]
    assert wire.relay.send() == 2
    assert len(wire.messages) == 2


def test_the_master_takes_only_events_of_the_ledger(wire: Wire) -> None:
    with pytest.raises(ReportError, match="'close', which is no event of the ledger"):
        keep(wire.master, LedgerRows(1, [["close"]]))
