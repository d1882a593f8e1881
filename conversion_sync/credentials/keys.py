"""The keys that seal stored tokens, from the environment alone: the database never holds one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from conversion_sync.errors import ConfigurationError
from conversion_sync.redaction import hide

VARIABLE = "CONVERSION_SYNC_KEY"
MAKE_ONE = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
REMEDY = (
    f"Make one with: {MAKE_ONE} ; set {VARIABLE} to it wherever conversion-sync runs, and keep a copy: "
    "without it stored tokens cannot be read."
)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The first key seals, every key opens."""

    _newest: Fernet = field(repr=False)
    _all: MultiFernet = field(repr=False)

    def seal(self, text: str) -> str:
        """The text as only these keys can read it."""
        return self._newest.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """The text; None when none of the keys sealed it."""
        try:
            return self._all.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def by_newest(self, sealed: str) -> bool:
        """Whether the newest key sealed it."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True


def keyring(environment: Mapping[str, str] = os.environ) -> Keyring:
    """The keys of CONVERSION_SYNC_KEY, several ones separated by commas, the newest first.

    Raises ConfigurationError when there is none, or one that is no key.
    """
    names = [name.strip() for name in environment.get(VARIABLE, "").split(",") if name.strip()]
    hide(*names)
    if not names:
        raise ConfigurationError(
            f"{VARIABLE} is not set, and tokens that are renewed are kept sealed by it.", remedy=REMEDY
        )
    try:
        keys = [Fernet(name) for name in names]
    except ValueError:
        raise ConfigurationError(f"{VARIABLE} holds something that is no key.", remedy=REMEDY) from None
    return Keyring(keys[0], MultiFernet(keys))


def new_key() -> str:
    """A key nobody has."""
    return Fernet.generate_key().decode()
