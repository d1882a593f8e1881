"""The TLS roots a configuration names: checked with it, and read before anything is claimed for sending."""

from __future__ import annotations

import ssl
from pathlib import Path

from conversion_sync.errors import ConfigurationError

REMEDY = "Name a PEM file with the certificates to trust, or remove tls_roots to trust this machine's."


def roots_fault(path: Path) -> str | None:
    """Why a file cannot serve as the roots to trust; None when it can."""
    try:
        text = path.read_text(encoding="ascii")
    except OSError as fault:
        return f"{path} cannot be read: {fault.strerror}."
    except UnicodeDecodeError:
        return f"{path} is no PEM file."
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return f"{path} holds no PEM certificate."
    return None


def read_roots(path: Path | None) -> bytes | None:
    """The roots as gRPC takes them. Raises ConfigurationError for a file that cannot serve."""
    if path is None:
        return None
    fault = roots_fault(path)
    if fault is not None:
        raise ConfigurationError(f"tls_roots: {fault}", remedy=REMEDY)
    return path.read_bytes()
