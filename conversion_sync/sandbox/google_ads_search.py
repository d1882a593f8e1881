"""GoogleAdsService.Search for what a conversion uploader reads: the tracking setting and the actions.

Source: specs/google_ads.md §2.7 (fields and enums), §1.1 (fields v26 no longer has).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from conversion_sync.sandbox.faults import RowError
from conversion_sync.sandbox.google_ads_failures import CallFault, invalid
from conversion_sync.sandbox.vendors import Vendors

QUERY = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<resource>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+.+?)?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
CONDITION = re.compile(
    r"(?P<field>[\w.]+)\s*(?P<operator>!=|=|NOT\s+IN|IN)\s*(?P<value>.+)", re.IGNORECASE | re.DOTALL
)

OFF, ON = 2, 3
"""Enhanced conversions for leads."""


def search(
    vendors: Vendors,
    request: Any,
    request_id: str,  # noqa: ARG001
    planned: Sequence[RowError] = (),  # noqa: ARG001
) -> Any:
    """All rows on one page. Raises CallFault for a query outside this small part of GAQL."""
    from google.ads.googleads.v26.services.types import google_ads_service as service

    parsed = QUERY.fullmatch(request.query)
    if parsed is None:
        raise invalid("query_error.UNEXPECTED_INPUT", "query", "The query is not valid.")
    fields = [name.strip() for name in parsed["fields"].split(",")]
    wanted = [_condition(text) for text in re.split(r"\s+AND\s+", parsed["where"] or "", flags=re.I) if text]
    response = service.SearchGoogleAdsResponse.pb()()
    for row in _rows(vendors, parsed["resource"].lower()):
        if all(_holds(row, condition) for condition in wanted):
            shown = response.results.add()
            for name in fields:
                _copy(row, shown, name.split("."))
    for name in fields:
        _field(service.GoogleAdsRow.pb().DESCRIPTOR, name.split("."))
    if parsed["limit"]:
        del response.results[int(parsed["limit"]) :]
    response.field_mask.paths.extend(fields)
    response.total_results_count = len(response.results)
    return response


def _rows(vendors: Vendors, resource: str) -> Iterator[Any]:
    match resource:
        case "customer":
            yield _customer(vendors)
        case "conversion_action":
            yield from _actions(vendors)
        case _:
            raise invalid("query_error.BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", "query", f"No resource {resource}.")


def _customer(vendors: Vendors) -> Any:
    from google.ads.googleads.v26.services.types import google_ads_service as service

    row = service.GoogleAdsRow.pb()()
    customer = row.customer
    account = vendors.credentials.google_customer_id
    customer.resource_name = f"customers/{account}"
    customer.id = int(account)
    customer.descriptive_name = "Sandbox advertiser"
    customer.currency_code, customer.time_zone = "USD", "UTC"
    customer.status = 2
    setting = customer.conversion_tracking_setting
    standing = vendors.google_ads.now
    setting.google_ads_conversion_customer = f"customers/{standing.conversion_customer or account}"
    setting.accepted_customer_data_terms = standing.terms_accepted
    setting.conversion_tracking_status = 3
    setting.enablement_setting = setting.effective_enablement_setting = ON if standing.leads_enabled else OFF
    return row


def _actions(vendors: Vendors) -> Iterator[Any]:
    """As the account's standing has them."""
    from google.ads.googleads.v26.services.types import google_ads_service as service

    account = vendors.credentials.google_customer_id
    for name, action_id in vendors.credentials.google_actions:
        row = service.GoogleAdsRow.pb()()
        row.customer.CopyFrom(_customer(vendors).customer)
        action = row.conversion_action
        action.resource_name = f"customers/{account}/conversionActions/{action_id}"
        action.id, action.name = int(action_id), name
        kept = vendors.google_ads.now.action(action_id)
        for field, value in (("status", kept.status), ("type_", kept.type), ("counting_type", kept.counting)):
            enum = action.DESCRIPTOR.fields_by_name[field].enum_type
            setattr(action, field, enum.values_by_name[value].number)
        action.owner_customer = f"customers/{account}"
        action.click_through_lookback_window_days = kept.lookback_days
        action.view_through_lookback_window_days = 1
        action.value_settings.always_use_default_value = kept.always_default_value
        action.primary_for_goal = action.include_in_conversions_metric = kept.primary
        yield row


def _unknown(path: list[str]) -> CallFault:
    name = ".".join(path)
    return invalid("query_error.UNRECOGNIZED_FIELD", "query", f"Unrecognized field in the query: '{name}'.")


def _field(descriptor: Any, path: list[str]) -> tuple[list[str], Any]:
    """A path in the message's own names, where `type` is `type_`, and its last field's descriptor.

    Raises CallFault for a path that v26 does not have.
    """
    names, field = [], None
    for name in path:
        known = descriptor.fields_by_name if descriptor is not None else {}
        field = known.get(name) or known.get(name + "_")
        if field is None:
            raise _unknown(path)
        names.append(field.name)
        descriptor = field.message_type
    return names, field


def _copy(row: Any, shown: Any, path: list[str]) -> None:
    """Set one selected field."""
    names, _ = _field(row.DESCRIPTOR, path)
    for name in names[:-1]:
        row, shown = getattr(row, name), getattr(shown, name)
    value = getattr(row, names[-1])
    if hasattr(value, "DESCRIPTOR"):
        getattr(shown, names[-1]).CopyFrom(value)
    else:
        setattr(shown, names[-1], value)


def _condition(text: str) -> tuple[list[str], bool, list[str]]:
    """A condition as path, whether it must hold, and the values."""
    parsed = CONDITION.fullmatch(text.strip())
    if parsed is None:
        raise invalid("query_error.UNEXPECTED_INPUT", "query", f"The condition '{text}' is not valid.")
    values = [value.strip().strip("'\"") for value in parsed["value"].strip().strip("()").split(",")]
    operator = parsed["operator"].upper()
    return parsed["field"].split("."), not operator.startswith(("NOT", "!")), values


def _holds(row: Any, condition: tuple[list[str], bool, list[str]]) -> bool:
    path, positive, values = condition
    names, field = _field(row.DESCRIPTOR, path)
    for name in names:
        row = getattr(row, name)
    text = str(row)
    if field.enum_type is not None:
        text = field.enum_type.values_by_number[row].name
    elif isinstance(row, bool):
        text = text.upper()
        values = [value.upper() for value in values]
    return (text in values) is positive
