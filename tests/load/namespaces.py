"""Machines made of network namespaces: a hub, and spokes whose cables can be pulled. Linux, root, iproute2."""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HUB: Final = "10.77.0.1"
"""The hub's address, which every spoke reaches by its own cable."""

_NEW_NETWORK: Final = 0x40000000  # CLONE_NEWNET
_NUMBERS = itertools.count()


class Machine:
    """A network namespace. What ``call`` runs, and every process that it starts, has this machine's network."""

    def __init__(self, name: str) -> None:
        self.name = name
        # A thread may enter a namespace by itself; the processes it starts inherit it.
        self._thread = ThreadPoolExecutor(1, initializer=_enter, initargs=(name,))

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self) -> None:
        self._thread.shutdown()


class Network:
    """A hub and its spokes, each behind a cable of its own."""

    def __init__(self, hub: Machine, spokes: list[Machine], cables: list[str]) -> None:
        self.hub = hub
        self.spokes = spokes
        self._cables = cables

    def pull(self, spoke: int) -> None:
        """Cut one spoke off: nothing of it arrives any more, and nobody tells it."""
        _ip("-n", self.hub.name, "link", "set", self._cables[spoke], "down")


def why_not() -> str:
    """Why namespaces cannot be had here; empty when they can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    name = f"assay-{os.getpid()}-probe"
    try:
        _ip("netns", "add", name)
    except FileNotFoundError:
        return "iproute2 (the command ip) is not installed"
    except subprocess.CalledProcessError as error:
        return f"no network namespace may be made here (not root?): {error.stderr.strip()}"
    try:
        Machine(name).call(os.getpid)
    except Exception as error:  # noqa: BLE001 - whatever keeps a thread from entering is a reason
        return f"a network namespace cannot be entered here: {error}"
    finally:
        _ip("netns", "del", name)
    return ""


@contextmanager
def network(spokes: int) -> Iterator[Network]:
    """Make the namespaces and cables, and remove them (and nothing else) at the end."""
    stem = f"assay-{os.getpid()}-{next(_NUMBERS)}"
    with ExitStack() as stack:
        hub = stack.enter_context(_machine(f"{stem}-hub"))
        _ip("-n", hub.name, "addr", "add", f"{HUB}/32", "dev", "lo")
        machines, cables = [], []
        for number in range(spokes):
            machine = stack.enter_context(_machine(f"{stem}-{number}"))
            cable = f"spoke{number}"
            _ip("link", "add", cable, "netns", hub.name, "type", "veth", "peer", "name", "hub", "netns", machine.name)
            _ip("-n", hub.name, "addr", "add", f"10.77.{number + 1}.1/24", "dev", cable)
            _ip("-n", machine.name, "addr", "add", f"10.77.{number + 1}.2/24", "dev", "hub")
            _ip("-n", hub.name, "link", "set", cable, "up")
            _ip("-n", machine.name, "link", "set", "hub", "up")
            _ip("-n", machine.name, "route", "add", "default", "via", f"10.77.{number + 1}.1")
            machines.append(machine)
            cables.append(cable)
        yield Network(hub, machines, cables)


@contextmanager
def _machine(name: str) -> Iterator[Machine]:
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        machine = Machine(name)
        try:
            yield machine
        finally:
            machine.close()
    finally:
        _ip("netns", "del", name)


def _enter(name: str) -> None:
    handle = os.open(Path("/run/netns") / name, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(handle)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
