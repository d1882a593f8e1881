"""One gRPC call at Google: held, delayed or lost as the fault plan says, whichever service it is of."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

from conversion_sync.sandbox.faults import Action
from conversion_sync.sandbox.vendors import Vendors

TICK = 0.05
"""Seconds between two looks at whether the caller has given up."""


def is_late(fault: Action | None) -> bool:
    """Whether the fault comes once the request was processed."""
    return fault is not None and (fault.after_accepting or fault.drop_reply)


def is_lost(fault: Action | None) -> bool:
    """Whether the caller is told nothing by Google."""
    return fault is not None and (fault.close_before_reply or fault.drop_reply or fault.hang)


def hold(vendors: Vendors, vendor: str, path: str, context: Any, fault: Action | None, moment: str) -> None:
    """Holds the request if the plan says so for this moment; loses it if it is not to go on."""
    if fault is not None and fault.hold == moment and not vendors.holds.wait(vendor, path, moment):
        lose(context)


def carry_out(context: Any, fault: Action, refuse: Callable[[str], NoReturn]) -> None:
    """A planned delay, then a lost connection or, by `refuse`, the planned status, if there is one."""
    if fault.delay_seconds:
        time.sleep(fault.delay_seconds)
    while fault.hang and context.is_active():
        time.sleep(TICK)
    if is_lost(fault):
        lose(context)
    if fault.grpc_status is not None:
        refuse(fault.grpc_status)


def lose(context: Any) -> NoReturn:
    """End the call as a client library tells of a connection that broke: without anything of Google's."""
    import grpc

    context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    raise AssertionError("abort does not return")
