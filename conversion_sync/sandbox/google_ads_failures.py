"""How the Google Ads API says no: a failure message in the trailer, or beside the rows that worked.

Source: specs/google_ads.md §1.5, §1.8, §2.1, §8.1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from conversion_sync.sandbox.faults import RowError

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
REQUEST_ID_KEY = "request-id"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error: `code` is `group.NAME` or `group.999`, `field` the path below the row."""

    code: str
    field: str = ""
    message: str = "The request is not valid."


class CallFault(Exception):  # noqa: N818
    """The whole call is refused with a gRPC status."""

    def __init__(self, status: str, fault: Fault) -> None:
        super().__init__(status, fault.code)
        self.status = status
        self.fault = fault


def invalid(code: str, field: str = "", message: str = "The request is not valid.") -> CallFault:
    """A call refused with INVALID_ARGUMENT."""
    return CallFault("INVALID_ARGUMENT", Fault(code, field, message))


def failure(request_id: str) -> Any:
    """An empty GoogleAdsFailure."""
    from google.ads.googleads.v26.errors.types import errors

    return errors.GoogleAdsFailure.pb()(request_id=request_id)


def add(box: Any, fault: Fault, rows: str = "", index: int = 0, *, retry_delay: int | None = None) -> None:
    """Append an error to a GoogleAdsFailure; `rows` names the repeated field the index is of."""
    error = box.errors.add(message=fault.message)
    group, _, name = fault.code.partition(".")
    field = error.error_code.DESCRIPTOR.fields_by_name[group]
    number = int(name) if name.isdigit() else field.enum_type.values_by_name[name].number
    setattr(error.error_code, group, number)
    if rows:
        error.location.field_path_elements.add(field_name=rows, index=index)
    if fault.field:
        error.location.field_path_elements.add(field_name=fault.field)
    if retry_delay is not None:
        error.details.quota_error_details.retry_delay.seconds = retry_delay
        error.details.quota_error_details.rate_scope = 2
        error.details.quota_error_details.rate_name = "Number of operations"


def partial_failure(box: Any) -> Any:
    """The google.rpc.Status that carries the errors of rows, code 3."""
    from google.protobuf import any_pb2
    from google.rpc import status_pb2

    packed = any_pb2.Any()
    packed.Pack(box)
    several = " Multiple errors in 'details'." if len(box.errors) > 1 else ""
    path = "".join(
        f"{element.field_name}[{element.index}]" if element.HasField("index") else f".{element.field_name}"
        for element in box.errors[0].location.field_path_elements
    )
    message = f"{box.errors[0].message}, at {path}{several}"
    return status_pb2.Status(code=3, message=message, details=[packed])


@dataclass(frozen=True, slots=True)
class Planned:
    """The errors a fault plan puts into an answer: on rows, and on none of them."""

    of_row: Mapping[int, Sequence[Fault]]
    of_request: Sequence[Fault]


def planned_faults(planned: Sequence[RowError], rows: int) -> Planned:
    """A plan's errors for a request of so many rows; those of rows it does not have are left out."""
    of_row: dict[int, list[Fault]] = defaultdict(list)
    for error in planned:
        if error.index is not None:
            of_row[error.index + rows if error.index < 0 else error.index].append(Fault(error.error))
    return Planned(of_row, [Fault(error.error) for error in planned if error.index is None])


def row_failures(
    rows: str, faults: Sequence[Iterable[Fault]], request_id: str, of_request: Sequence[Fault] = ()
) -> Any | None:
    """The failure of all rows that have faults, or None when none has. `of_request` name no row."""
    box = failure(request_id)
    for fault in of_request:
        add(box, fault)
    for index, of_row in enumerate(faults):
        for fault in of_row:
            add(box, fault, rows, index)
    return box if box.errors else None


def abort(context: Any, status: str, message: str, box: Any | None, request_id: str) -> NoReturn:
    """End the call with a status, the request id and, if there is one, the failure in the trailer."""
    import grpc

    trailer: list[tuple[str, str | bytes]] = [(REQUEST_ID_KEY, request_id)]
    if box is not None:
        trailer.append((FAILURE_KEY, box.SerializeToString()))
    context.set_trailing_metadata(tuple(trailer))
    context.abort(grpc.StatusCode[status], message)
    raise AssertionError("abort does not return")
