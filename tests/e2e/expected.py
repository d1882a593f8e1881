"""What every platform's own books must hold, from the truth of the seeded business and nothing else.

No line of the product is used here: the truth (`GET /truth` of the sandbox) says who paid what, when
money went back, who clicked which ad and which browser is whose; this module walks through it the way
one would explain it to an accountant, one payment at one platform at a time, in plain loops.

**What can be known when.** A delivery knows what was written before `reads_until`: a payment from when
it was paid, a refund from when the bank confirmed it (never while it is pending, and not at all if it
failed), a visit from when its row was written, which may be hours after the visit. `now` is the time
of day the delivery acts at: for a business that syncs every day both are nearly the same, for one that
catches up after two months `now` is long after.

**Which browser is whose.** The billing system names a browser or users of a customer when the customer
signs up; a visit that was made signed in says that its browser is that user's. A customer of whom
billing knows neither has no clicks.

**Which click.** Each platform is told of its own last click at or before the payment, by any of the
customer's browsers, if that click lies inside the platform's window. Another platform's click takes
nothing away. A person who denied the use of their data for ads is not reported.

**Whether it is sent.** Live customers only, mapped kinds only. Not before the platform knows the click
(`youngest_click`), not after `oldest_event` from the payment or `oldest_click` from the click, less an
hour's margin. What is refunded in full before it could be sent is not sent; what is refunded in part
before is sent with what is left.

**What is corrected.** A refund of what was sent is told to platforms that take corrections, within
their window, as the new total or, when nothing is left, as a retraction, which is the end. Corrections
of one conversion follow each other: each is at least a second after the conversion and the one before.
Where a platform takes none, its books keep the amount first sent.

**How much.** `net` is what was paid without tax. Refunds come off the net in proportion and cumulatively,
rounded half to even, so that refunds which add up to the payment leave exactly nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

Json = dict[str, Any]
MARGIN = timedelta(hours=1)
SECOND = timedelta(seconds=1)
FOR_EVER = timedelta(days=36500)
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3, "ISK": 2, "UGX": 2}
"""Of the minor units the truth counts in."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What an action reports of a payment. `amount` in major units, for `fixed` alone."""

    rule: Literal["net", "gross", "share", "fixed"] = "net"
    share: Fraction = Fraction(1)
    amount: Decimal = Decimal(0)
    currency: str = ""


@dataclass(frozen=True, kw_only=True)
class AdPlatform:
    """A platform's rules. `actions`: by the kind of event, what the action is called there."""

    name: str
    click_ids: frozenset[str]
    click_window: timedelta
    oldest_event: timedelta
    oldest_click: timedelta = FOR_EVER
    youngest_click: timedelta = timedelta(0)
    corrects_for: timedelta | None = None
    """How long after a conversion corrections are taken; None: never."""
    never_corrected: frozenset[str] = frozenset()
    """Kinds of click ids whose conversions are final."""
    actions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One run: what it can know, and when it acts."""

    reads_until: datetime
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The new total, in major units, or None for a retraction; `at` is the time it takes effect."""

    at: datetime
    value: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Booked:
    """One conversion as a platform's books must show it; `value` as sent, `total` as it stands."""

    platform: str
    action: str
    click_kind: str
    click_id: str
    occurred_at: datetime
    value: Decimal
    currency: str
    total: Decimal
    counts: int = 1
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Visit:
    at: datetime
    written_at: datetime
    visitor: str
    user: str | None
    click_kind: str
    click_id: str
    denied: bool


@dataclass(frozen=True, kw_only=True)
class Refund:
    created_at: datetime
    known_at: datetime
    amount: int


@dataclass(frozen=True, kw_only=True)
class Event:
    """A payment or the start of a trial; amounts in minor units."""

    kind: str
    at: datetime
    currency: str
    gross: int = 0
    net: int = 0
    refunds: tuple[Refund, ...] = ()

    def left(self, until: datetime) -> tuple[int, int]:
        """Gross and net that is left after the refunds known by then."""
        back = sum(refund.amount for refund in self.refunds if refund.known_at < until)
        if back == 0:
            return self.gross, self.net
        return self.gross - back, self.net - round(Fraction(back * self.net, self.gross))


@dataclass(kw_only=True)
class Person:
    """A customer with what is theirs."""

    created_at: datetime
    events: list[Event] = field(default_factory=list)
    named_visitors: set[str] = field(default_factory=set)
    named_users: set[str] = field(default_factory=set)
    visits: list[Visit] = field(default_factory=list)

    def clicks(self, until: datetime) -> list[Visit]:
        """The visits known to be this customer's by then."""
        known = [visit for visit in self.visits if visit.written_at < until]
        browsers = self.named_visitors | {visit.visitor for visit in known if visit.user in self.named_users}
        return [visit for visit in known if visit.visitor in browsers and visit.click_id]


def expected(
    truth: Json,
    platforms: Iterable[AdPlatform],
    worths: Mapping[str, Worth],
    deliveries: Sequence[Delivery],
) -> dict[str, Counter[Booked]]:
    """By platform, what its books hold after the deliveries. `worths` by the kind of event."""
    people = list(_people(truth))
    return {
        platform.name: Counter(
            booked
            for person in people
            for event in person.events
            if event.kind in platform.actions
            and (booked := _told(person, event, platform, worths[event.kind], deliveries)) is not None
        )
        for platform in platforms
    }


def totals(books: Mapping[str, Counter[Booked]]) -> list[Json]:
    """The sandbox's own sums: per platform, action and currency how many count, and their value."""
    sums: dict[tuple[str, str, str], list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for counter in books.values():
        for booked, copies in counter.items():
            place = sums[booked.platform, booked.action, booked.currency]
            place[0] += booked.counts * copies
            place[1] += booked.total * copies
    return [
        {"platform": platform, "action": action, "currency": currency, "count": count, "value": value}
        for (platform, action, currency), (count, value) in sorted(sums.items())
    ]


def _told(
    person: Person, event: Event, platform: AdPlatform, worth: Worth, deliveries: Sequence[Delivery]
) -> Booked | None:
    """One event at one platform, delivery after delivery."""
    sent: tuple[Visit, Decimal] | None = None
    corrections: list[Correction] = []
    for delivery in deliveries:
        if event.at >= delivery.reads_until:
            continue
        if sent is None:
            sent = _sent(person, event, platform, worth, delivery)
            continue
        correction = _corrected(event, platform, worth, delivery, *sent, corrections)
        if correction is not None:
            corrections.append(correction)
    if sent is None:
        return None
    click, value = sent
    last = corrections[-1].value if corrections else value
    return Booked(
        platform=platform.name,
        action=platform.actions[event.kind],
        click_kind=click.click_kind,
        click_id=click.click_id,
        occurred_at=event.at,
        value=value,
        currency=worth.currency or event.currency,
        total=last or Decimal(0),
        counts=0 if last is None else 1,
        corrections=tuple(corrections),
    )


def _sent(
    person: Person, event: Event, platform: AdPlatform, worth: Worth, delivery: Delivery
) -> tuple[Visit, Decimal] | None:
    """The click and the value an event is sent with by this delivery, or None."""
    value = _value(event, worth, delivery.reads_until)
    if value <= 0:
        return None
    click = _last_click(person, event, platform, delivery.reads_until)
    if click is None or click.denied or event.at - click.at > platform.click_window:
        return None
    first = max(event.at, click.at + platform.youngest_click)
    last = min(event.at + platform.oldest_event, click.at + platform.oldest_click) - MARGIN
    return (click, value) if first <= delivery.now < last else None


def _last_click(person: Person, event: Event, platform: AdPlatform, until: datetime) -> Visit | None:
    own = [
        visit
        for visit in person.clicks(until)
        if visit.click_kind in platform.click_ids and visit.at <= event.at
    ]
    if not own:
        return None
    latest = max(visit.at for visit in own)
    tied = [visit for visit in own if visit.at == latest]
    assert len(tied) == 1, "two clicks in one second: nothing says which of them was the last"
    return tied[0]


def _corrected(
    event: Event,
    platform: AdPlatform,
    worth: Worth,
    delivery: Delivery,
    click: Visit,
    value: Decimal,
    before: Sequence[Correction],
) -> Correction | None:
    """What this delivery corrects of a conversion that was sent earlier, or None."""
    if platform.corrects_for is None or click.click_kind in platform.never_corrected:
        return None
    if delivery.now >= event.at + platform.corrects_for - MARGIN:
        return None
    held = before[-1].value if before else value
    left = _value(event, worth, delivery.reads_until)
    if held is None or left == held:
        return None
    at = max(refund.created_at for refund in event.refunds if refund.known_at < delivery.reads_until)
    at = max(at, event.at + SECOND, *(correction.at + SECOND for correction in before))
    return Correction(at=at, value=left if left > 0 else None)


def _value(event: Event, worth: Worth, until: datetime) -> Decimal:
    """What the event is worth to an action with what is known by then, in major units."""
    if worth.rule == "fixed":
        return worth.amount
    gross, net = event.left(until)
    minor = {"net": net, "gross": gross, "share": round(net * worth.share)}[worth.rule]
    return Decimal(minor).scaleb(-DECIMALS[event.currency])


# -- reading the truth -----------------------------------------------------------------------------------


def _people(truth: Json) -> Iterator[Person]:
    """The customers in live mode, with their payments, refunds, trials, browsers and visits."""
    people = {
        customer["id"]: Person(created_at=_time(customer["created_at"]))
        for customer in truth["customers"]
        if customer["livemode"]
    }
    refunds: dict[str, list[Refund]] = defaultdict(list)
    for refund in truth["refunds"]:
        if refund["status"] == "succeeded":
            refunds[refund["invoice"]].append(
                Refund(
                    created_at=_time(refund["created_at"]),
                    known_at=_time(refund["status_at"]),
                    amount=refund["amount"],
                )
            )
    for payment in truth["payments"]:
        if payment["customer"] in people:
            people[payment["customer"]].events.append(
                Event(
                    kind=payment["kind"],
                    at=_time(payment["paid_at"]),
                    currency=payment["currency"],
                    gross=payment["gross"],
                    net=payment["net"],
                    refunds=tuple(refunds[payment["invoice"]]),
                )
            )
    for trial in truth["trials"]:
        if trial["customer"] in people:
            people[trial["customer"]].events.append(
                Event(kind="trial_started", at=_time(trial["started_at"]), currency=trial["currency"])
            )
    _give_visits(people, truth)
    return iter(people.values())


def _give_visits(people: Mapping[str, Person], truth: Json) -> None:
    """Names of browsers and users from billing, then each visit to whoever it may turn out to be."""
    for link in truth["links"]:
        if link["to"] == "customer" and link["is"] in people:
            person = people[link["is"]]
            (person.named_visitors if link["from"] == "visitor" else person.named_users).add(link["id"])
    of_user = {user: person for person in people.values() for user in person.named_users}
    of_browser = {browser: person for person in people.values() for browser in person.named_visitors}
    for click in truth["clicks"]:
        if click["user"] in of_user:
            of_browser[click["visitor"]] = of_user[click["user"]]
    for click in truth["clicks"]:
        if click["visitor"] in of_browser:
            kind, value = next(iter(click["ids"].items()), ("", ""))
            of_browser[click["visitor"]].visits.append(
                Visit(
                    at=_time(click["at"]),
                    written_at=_time(click["written_at"]),
                    visitor=click["visitor"],
                    user=click["user"],
                    click_kind=kind,
                    click_id=value,
                    denied=click["ad_user_data"] == "denied",
                )
            )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
