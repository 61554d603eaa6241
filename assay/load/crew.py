"""The load processes of a run and what stands around them: Locust's runner, the web UI, the ledger of a master."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Any, Final, Self

from locust.runners import LocalRunner, MasterRunner

from assay.client.ledger import Ledger
from assay.client.settings import Settings
from assay.errors import SettingsError
from assay.findings.journal import Journal
from assay.load.coordinator import Coordinator
from assay.load.engine import attach_agent, attach_coordinator, keep_ledger, new_environment
from assay.load.plan import LOOPBACK, RunFile
from assay.load.ports import refuse_taken
from assay.load.profiles import Profile
from assay.load.site import given_target
from assay.load.worker import start_workers, watch_children

_STOP_WORKERS: Final = 5.0


class Crew:
    """Makes the load processes that the run file asks for, and ends them; ``coordinator`` leads them.

    One process is this one; several are children; with ``master`` they join from anywhere, and what they create is
    noted in this run's ledger too.
    """

    def __init__(self, file: RunFile, settings: Settings, journal: Journal) -> None:
        self._file = file
        self._settings = settings
        self._journal = journal
        self._children: list[subprocess.Popen[bytes]] = []
        self._ledger: Ledger | None = None
        self._alone = not file.master and file.processes == 1 and not file.ui
        # One that only leads sends nothing to be traced; and OpenTelemetry's exporters hang a process that forks.
        self._environment: Any = new_environment(otel=file.otel and self._alone)
        self._runner = self._make_runner()
        self.coordinator: Coordinator = attach_coordinator(self._runner)
        self.coordinator.watch = lambda event: journal.write("progress", **event)

    def _make_runner(self) -> LocalRunner | MasterRunner:
        file = self._file
        if file.master:
            # Locust ends the process when the port is taken, without a word in the journal.
            refuse_taken(file.master_bind_host, file.master_port, "--master-port")
            return self._environment.create_master_runner(file.master_bind_host, file.master_port)
        if self._alone:
            return self._environment.create_local_runner()
        # The web UI, too, has a process of its own: drawing it would take time from the load.
        return self._environment.create_master_runner(LOOPBACK, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        web_ui = self._environment.web_ui
        if web_ui is not None and web_ui.server is not None:  # none when the run ended before it could listen
            web_ui.stop()
        self._runner.quit()
        for child in self._children:
            _end(child)
        if self._ledger is not None:
            self._ledger.close()

    def gather(self) -> None:
        """Start the load processes or wait for them; InconclusiveError when they do not come."""
        file = self._file
        if file.ui:
            self._open_ui()
        if isinstance(self._runner, LocalRunner):
            attach_agent(self._environment, self._runner, self._settings)
            number = 1
        elif file.master:
            self._ledger = self._open_ledger()
            keep_ledger(self._runner, self._ledger)
            number = file.expect_workers
            self._tell(
                f"waiting up to {file.join_seconds:.0f} s for {number} load processes at {file.master_bind_host}; "
                f"start them with: assay benchmark --worker --master-host HOST --master-port {file.master_port}"
            )
        else:
            number = file.processes
            self._children = start_workers(number, LOOPBACK, self._runner.server.port, otel=file.otel)
        self.coordinator.gather(number, lambda: watch_children(self._children), file.join_seconds)

    def prepare(self, profile: Profile) -> list[str]:
        """Have every load process reach the target and make its workloads; returns notes, raises what they met."""
        more: dict[str, Any] = {}
        if self._ledger is not None:
            more = {"target": given_target(self._settings), "ledger": dict(self._ledger.state().header)}
        file = self._file
        return self.coordinator.prepare(profile, run=file.run, stem=file.stem, seed=file.seed, **more)

    def start(self) -> None:
        """Tell Locust that the test runs: its web UI and its events follow."""
        number = len(self.coordinator.members)
        self._runner.start(number, number)

    def finish(self, seconds: float) -> int:
        """Have every load process delete what it created; returns how many workloads are left."""
        return self.coordinator.finish(seconds)

    def _open_ui(self) -> None:
        file = self._file
        refuse_taken(file.ui_host, file.ui_port, "--ui-port")
        self._environment.host = self._settings.base_url  # shown at the top of the page
        self._environment.create_web_ui(file.ui_host, file.ui_port)
        self._environment.events.test_stopping.add_listener(self._stopped)
        self._tell(f"Locust's web UI: http://{file.ui_host}:{file.ui_port}")

    def _stopped(self, **_: Any) -> None:
        self.coordinator.interrupt("the load part was stopped in the web UI")

    def _open_ledger(self) -> Ledger:
        settings = self._settings
        if settings.base_url is None:
            raise SettingsError("a master needs to know the target", hint="--base-url URL")
        return Ledger.open(
            self._file.run,
            settings.base_url,
            project=settings.project or "",
            mark=self._file.stem,
            embedded=settings.embedded,
        )

    def _tell(self, text: str) -> None:
        self._journal.write("progress", text=text)


def _end(child: subprocess.Popen[bytes]) -> None:
    for ask in (None, child.terminate, child.kill):
        if ask is not None:
            ask()
        try:
            child.wait(timeout=_STOP_WORKERS)
        except subprocess.TimeoutExpired:
            continue
        return
    child.wait()
