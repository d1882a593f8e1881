"""Subscriptions as standings: where each record shows them, and where they stood before it.

What an update says was before is laid over the object and read like it, item by item (§1.2: a renewal names
its items too). A subscription that is only listed also says when it began and when it ended.
Source: specs/billing.md §1.6, §1.9, §6.3 (state lane).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from conversion_sync.billing.facts import Item, Standing, Status
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.seen import Json, Seen, moment, reference, rows, whole, words
from conversion_sync.model.revenue import Precision

Trial = tuple[datetime, datetime]
"""When a trial of an item lasts. Source: §1.2 (endive: `current_trial`)."""
AN_HOUR = timedelta(hours=1)


def standings_of(seen: Seen, catalogue: StripeCatalogue) -> Iterator[Standing]:
    """Where a subscription of a known status stands, as one record shows it."""
    status = catalogue.subscription.of(str(seen.thing.get("status")))
    if status is None:
        return
    now = _standing(seen, seen.thing, status, catalogue)
    if seen.listed:
        yield from _listed(seen, now)
        return
    was = catalogue.subscription.of(str(seen.previous["status"])) if "status" in seen.previous else status
    if seen.previous and was is not None and not now.begins:
        before = _standing(seen, _before(seen.thing, seen.previous), was, catalogue)
        yield replace(now, before=replace(before, begins=False))
    else:
        yield now


def trials_of(subscription: Json) -> Iterator[Trial]:
    """When each of its items is on trial, where that is the item's own."""
    for item in rows(subscription.get("items")):
        trial = item.get("current_trial")
        if isinstance(trial, Mapping):
            start, end = moment(trial.get("start_date")), moment(trial.get("end_date"))
            if start is not None and end is not None:
                yield start, end


def covers(trials: Iterable[Trial], at: datetime) -> bool:
    """Whether a trial lasts at a moment; what it costs may be asked for a little before it begins."""
    return any(start - AN_HOUR <= at < end for start, end in trials)


def _listed(seen: Seen, now: Standing) -> Iterator[Standing]:
    """How it began, and how it stands now. What was between is not known."""
    subscription = seen.thing
    created = moment(subscription.get("created")) or seen.at
    now = replace(now, precision=Precision.APPROXIMATED, reconstructed=True)
    trial = subscription.get("trial_start") is not None
    started = now.status if now.status is Status.WAITING else Status.LIVE
    yield replace(
        now,
        at=created,
        precision=Precision.SECOND,
        status=Status.TRIALING if trial else started,
        begins=True,
        collects=True,
        cancels_at=None,
        ended_at=None,
    )
    if now.status is Status.ENDED and now.ended_at is not None:
        now = replace(now, at=now.ended_at, precision=Precision.SECOND)
    yield now


def _before(subscription: Json, previous: Json) -> Json:
    """The object as it was: items by their ids, for those named only in part."""
    laid = {**subscription, **previous}
    current = {str(item.get("id")): item for item in rows(subscription.get("items"))}
    if (named := rows(previous.get("items"))) or "items" in previous:
        laid["items"] = {"data": [{**current.get(str(item.get("id")), {}), **item} for item in named]}
    elif "quantity" in previous or "plan" in previous:
        old = {name: previous[name] for name in ("quantity", "plan") if name in previous}
        if "plan" in old:
            old["price"] = old["plan"]
        laid["items"] = {"data": [{**item, **old} for item in current.values()]}
    return laid


def _standing(seen: Seen, subscription: Json, status: Status, catalogue: StripeCatalogue) -> Standing:
    currency = subscription.get("currency")
    currency = None if currency is None else str(currency).upper()
    if status is Status.LIVE and covers(trials_of(subscription), seen.at):
        status = Status.TRIALING
    return Standing(
        source=seen.source("subscription"),
        at=seen.at,
        precision=seen.precision,
        status=status,
        begins=seen.kind == "customer.subscription.created",
        collects=subscription.get("pause_collection") is None,
        cancels_at=_cancels_at(subscription, seen.at),
        ended_at=moment(subscription.get("ended_at")),
        currency=currency,
        exponent=None if currency is None else catalogue.exponents.of(currency),
        items=tuple(map(_item, rows(subscription.get("items")))),
        click_ids=click_ids(words(subscription.get("metadata"))),
    )


def _cancels_at(subscription: Json, at: datetime) -> datetime | None:
    """When it will end, if that is planned; with its period, where nobody says when."""
    if (planned := moment(subscription.get("cancel_at"))) is not None:
        return planned
    if not subscription.get("cancel_at_period_end"):
        return None
    ends = [item.get("current_period_end") for item in rows(subscription.get("items"))]
    return moment(next(filter(None, [subscription.get("current_period_end"), *ends]), None)) or at


def _item(item: Json) -> Item:
    price = item.get("price") or item.get("plan")
    said: Json = price if isinstance(price, Mapping) else {}
    recurring = said.get("recurring") if isinstance(said.get("recurring"), Mapping) else said
    amount, quantity = said.get("unit_amount", said.get("amount")), item.get("quantity")
    return Item(
        id=str(item.get("id") or ""),
        price=reference(price),
        quantity=None if quantity is None else whole(quantity),
        amount=None if amount is None else whole(amount),
        interval=reference((recurring or {}).get("interval")),
        interval_count=whole((recurring or {}).get("interval_count") or 1),
    )
