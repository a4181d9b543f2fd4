"""A real installation that is killed again and again: its own database, web, worker and sequencer, each a process."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg

from donate.db import Database, bind, embedded
from donate.db.embedded_place import place_for
from donate.db.migrate import migrate
from donate.processes import LIFELINE
from donate.settings import Settings, read_settings
from tests.bench.servers import free_port, wait_for
from tests.bench.world import open_folder
from tests.cli.factories import clean_environment
from tests.db.factories import eventually, kill_nine, postmaster_pid

PARTS = ("web", "worker", "sequencer")


class StormSite:
    """The parts of one installation. Whatever is killed is started again at once, as its parent process would."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        self._instance, self._servers = folder / "instance", servers
        self.kills: dict[str, int] = {}
        self.port = free_port()
        self.url = servers.enter_context(embedded.running(self._instance, fsync=False))
        self.environ = clean_environment(
            DONATE_DATABASE_URL=self.url,
            DONATE_INSTANCE=str(self._instance),
            DONATE_BASE_URL=f"http://127.0.0.1:{self.port}",
            DONATE_WORKERS="1",
        )
        self.settings: Settings = read_settings(self.environ)
        self.database = Database(self.url, pool_size=4)
        self._log = (folder / "parts.log").open("wb")
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._lifeline, self._held = os.pipe()  # when we are gone, so are they: see donate/processes.py

    def start(self, name: str) -> None:
        """Start a part, in a process group of its own, so that a kill ends all of it."""
        options = ["--port", str(self.port)] if name == "web" else []
        self._parts[name] = subprocess.Popen(
            [sys.executable, "-m", "donate.cli", name, *options],
            env=self.environ | {LIFELINE: str(self._lifeline)}, pass_fds=(self._lifeline,),
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def wait_for_web(self) -> None:
        wait_for(self.port, "/healthz", self._parts["web"], 60)

    def revive(self) -> None:
        """Start again what ended by itself, as a part without its database may."""
        for name, process in list(self._parts.items()):
            if process.poll() is not None:
                self._end(name)
                self.start(name)

    def kill(self, what: str, chance: random.Random) -> None:
        """SIGKILL a part with all its processes, the whole database, or one of its backends."""
        self.kills[what] = self.kills.get(what, 0) + 1
        if what in self._parts:
            self._end(what)
            self.start(what)
        elif what == "database":
            self._kill_database()
        else:
            self._kill_backend(chance)

    def end(self) -> None:
        self.end_parts()
        self._log.close()
        os.close(self._lifeline)
        os.close(self._held)

    def end_parts(self) -> None:
        for name in list(self._parts):
            self._end(name)

    def _end(self, name: str) -> None:
        process = self._parts.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)

    def _kill_database(self) -> None:
        place = place_for(self._instance, is_throwaway=True)
        pid = postmaster_pid(place.data)
        assert pid is not None
        kill_nine(pid)
        eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())
        self._servers.enter_context(embedded.running(self._instance, fsync=False))

    def _kill_backend(self, chance: random.Random) -> None:
        """The server answers a backend's death by throwing everybody out and recovering from its log."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            pids = [
                row[0]
                for row in connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            ]
        if pids:
            with suppress(ProcessLookupError):
                kill_nine(chance.choice(pids))
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


@contextmanager
def storm_site() -> Iterator[StormSite]:
    """All parts running, the database migrated and bound to this thread."""
    with open_folder() as folder, ExitStack() as servers:
        site = StormSite(folder, servers)
        try:
            migrate(site.database)
            bind(site.database)
            yield site
        finally:
            site.end()
            site.database.dispose()
