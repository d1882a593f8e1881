"""A port for a program that has to be told one."""

from __future__ import annotations

import random
import socket

NOT_GIVEN_AWAY = range(10_000, 32_000)
"""Ports the system gives to nobody by itself: another test could get it before the program takes it."""


def free_port() -> int:
    """One nobody listens on."""
    while True:
        port = random.SystemRandom().choice(NOT_GIVEN_AWAY)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
