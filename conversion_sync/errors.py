"""Every error this package raises, ordered by how one recovers from it.

    ConversionSyncError
    ├── ConfigurationError   a file, key, secret or permission is wrong: a human changes it, then runs again
    │   └── CredentialError  a vendor refused the credential
    ├── TransientError       the same call may succeed later, unchanged
    ├── PermanentError       the call can never succeed as it is
    └── DataError            an input row is unusable: it is quarantined or parked, the run goes on

A message says what happened, to which thing; `remedy` says what to do. Neither ever holds a secret
or a person's identifier.
"""

from __future__ import annotations


class ConversionSyncError(Exception):
    """Base of the family: a sentence and its remedy."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} Remedy: {self.remedy}"


class ConfigurationError(ConversionSyncError):
    """A file, key, secret or permission is wrong; nothing was sent or written."""


class CredentialError(ConfigurationError):
    """A vendor refused the credential; a human must renew it."""


class TransientError(ConversionSyncError):
    """The same call may succeed later. `retry_after` is the vendor's own delay in seconds, if it gave one."""

    def __init__(self, message: str, *, remedy: str, retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class PermanentError(ConversionSyncError):
    """The call can never succeed as it is."""


class DataError(ConversionSyncError):
    """An input is unusable; it is parked with this reason and the run goes on."""
