"""Orders and subscription invoices: the same money under two names, and refunds as a sum that grows.

Source: specs/billing.md §4.1, §4.2.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversion_sync.sandbox.lemon_customers import Part, customer_id, order_id
from conversion_sync.sandbox.lemon_money import LOOKS, amounts
from conversion_sync.sandbox.lemon_rows import Json, Row, State, stamp
from conversion_sync.sandbox.plans import Market
from conversion_sync.sandbox.records import Customer, Invoice, Refund

STORE = 58_001
PRODUCT, ADD_ON_PRODUCT = 145_362, 145_363
ADD_ON_VARIANT = 176_000
REASONS = {
    "subscription_create": "initial",
    "subscription_cycle": "renewal",
    "subscription_update": "updated",
}
STATUS_WORDS = {"partial_refund": "Partial refund"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What is asked for once: `subtotal` before `discount`, the tax on top or inside."""

    subtotal: int
    discount: int
    tax: int
    total: int

    @property
    def net(self) -> int:
        """Without tax."""
        return self.total - self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """Money that went back, once it did."""

    at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """An order for something that is bought once. `fraud_at` is when it turned out to be one."""

    id: int
    at: datetime
    bill: Bill
    status: str
    back: tuple[Back, ...] = ()
    fraud_at: datetime | None = None


def bill_of(invoice: Invoice) -> Bill:
    """The amounts of an invoice."""
    return Bill(
        subtotal=sum(line.amount for line in invoice.lines),
        discount=sum(line.discount for line in invoice.lines),
        tax=invoice.tax,
        total=invoice.total,
    )


def back_of(invoice: Invoice) -> tuple[Back, ...]:
    """What went back of it, in order of time; less than nothing where it came again."""
    dispute = invoice.dispute
    lost = [] if dispute is None else [Back(at=dispute.opened_at, amount=dispute.amount)]
    return tuple(sorted((*_went(invoice.refunds), *lost), key=lambda back: back.at))


def _went(refunds: Iterable[Refund]) -> Iterator[Back]:
    for refund in refunds:
        gone = False
        for at, status in refund.history:
            if (status == "succeeded") != gone:
                gone = not gone
                yield Back(at=at, amount=refund.amount if gone else -refund.amount)


def reason_of(part: Part, invoice: Invoice) -> str:
    """After a trial some are called the first and some a renewal: nobody documents which."""
    first = next((each for _, each in part.invoices), None)
    if part.trial_end is not None and invoice is first:
        return "initial" if part.customer.number % 2 else "renewal"
    return REASONS.get(invoice.billing_reason, "renewal")


def sales_of(customer: Customer, end: datetime) -> Iterator[Sale]:
    """What some customers buy beside their subscription."""
    for number, paid in enumerate(customer.one_offs):
        bought = Bill(subtotal=paid.amount, discount=0, tax=0, total=paid.amount)
        yield Sale(
            id=order_id(customer, 3 + 2 * number),
            at=paid.at,
            bill=bought,
            status="paid",
            back=tuple(_went(paid.refunds)),
        )
    at = customer.created_at + timedelta(days=2, minutes=customer.number % 50)
    if customer.story or customer.number % 6 != 1 or at >= end:
        return
    gross = customer.market.add_on * 10
    tax = customer.market.tax
    on = tax.on(gross)
    bill = Bill(subtotal=gross, discount=0, tax=on, total=gross if tax.inclusive else gross + on)
    back: tuple[Back, ...] = ()
    fraud, status = None, "paid"
    match customer.number // 6 % 4:
        case 1:
            back = (Back(at=at + timedelta(days=1), amount=bill.total * 3 // 10),)
        case 2:
            fraud = at + timedelta(hours=5)
        case 3:
            status = "failed"
    yield Sale(
        id=order_id(customer, 1),
        at=at,
        bill=bill,
        status=status,
        back=tuple(each for each in back if each.at < end),
        fraud_at=fraud if fraud is not None and fraud < end else None,
    )


def first_order(part: Part, custom: Mapping[str, str]) -> Row:
    """The order that began the subscription: the first invoice's money once more, or a trial's nothing."""
    first = next((invoice for _, invoice in part.invoices), None)
    bill = Bill(subtotal=0, discount=0, tax=0, total=0)
    back: tuple[Back, ...] = ()
    if first is not None and first.billing_reason == "subscription_create":
        bill, back = bill_of(first), back_of(first)
    made = _order(part.customer, part.order_id, bill, "paid", variant_id(part.changes[0].now.price))
    return _order_row(part.order_id, made, part.created_at, bill, back, custom, part.customer.market)


def sale_order(customer: Customer, sale: Sale, custom: Mapping[str, str]) -> Row:
    """The order of something bought once."""
    made = _order(customer, sale.id, sale.bill, sale.status, ADD_ON_VARIANT)
    row = _order_row(sale.id, made, sale.at, sale.bill, sale.back, custom, customer.market)
    if sale.fraud_at is None:
        return row
    fraud = row.states[-1].attributes | {"status": "fraudulent", "status_formatted": "Fraudulent"}
    states = [*row.states, State(at=sale.fraud_at, attributes=fraud)]
    return Row(
        type=row.type, id=row.id, states=states, related=row.related, links=row.links, custom=row.custom
    )


def _order_row(
    name: int,
    made: Json,
    at: datetime,
    bill: Bill,
    back: tuple[Back, ...],
    custom: Mapping[str, str],
    market: Market,
) -> Row:
    first = State(at=at, attributes=made, told=("order_created",))
    return Row(
        type="orders",
        id=name,
        states=[first, *_refunded(made, bill, back, market, "order_refunded")],
        related=("store", "customer", "order-items", "subscriptions", "license-keys", "discount-redemptions"),
        links={"receipt": f"https://app.lemonsqueezy.example/my-orders/{made['identifier']}"},
        custom=custom,
    )


def _order(customer: Customer, name: int, bill: Bill, status: str, variant: int) -> Json:
    identifier = str(uuid.UUID(int=name * 2**64 + 2**40, version=4))
    parts = {
        "subtotal": bill.subtotal,
        "setup_fee": 0,
        "discount_total": bill.discount,
        "tax": bill.tax,
        "total": bill.total,
        "refunded_amount": 0,
    }
    product = ADD_ON_PRODUCT if variant == ADD_ON_VARIANT else PRODUCT
    return {
        **_payer(customer),
        "identifier": identifier,
        "order_number": name - 1_000_000,
        **amounts(customer.market, parts),
        "tax_name": "VAT" if customer.market.tax.percent else "",
        "tax_rate": f"{customer.market.tax.percent}.00",
        "tax_inclusive": customer.market.tax.inclusive,
        **_status(status),
        "refunded": False,
        "refunded_at": None,
        "first_order_item": {
            "id": name + 500_000,
            "order_id": name,
            "product_id": product,
            "variant_id": variant,
            "product_name": "Example" if product == PRODUCT else "Add-on",
            "variant_name": "Default",
            "price": bill.subtotal,
            "test_mode": not customer.livemode,
        },
        "test_mode": not customer.livemode,
    }


def invoice_row(part: Part, name: int, invoice: Invoice, custom: Mapping[str, str]) -> Row:
    """A subscription invoice: pending while it cannot be collected, then paid, then perhaps refunded."""
    bill, customer = bill_of(invoice), part.customer
    parts = {
        "subtotal": bill.subtotal,
        "discount_total": bill.discount,
        "tax": bill.tax,
        "total": bill.total,
        "refunded_amount": 0,
    }
    attributes = {
        **_payer(customer),
        "subscription_id": part.id,
        "billing_reason": reason_of(part, invoice),
        "card_brand": "visa",
        "card_last_four": "4242",
        **amounts(customer.market, parts),
        "tax_inclusive": customer.market.tax.inclusive,
        **_status("paid"),
        "refunded": False,
        "refunded_at": None,
        "test_mode": not customer.livemode,
    }
    states = []
    if invoice.failed_at:
        waiting = attributes | _status("pending")
        states.append(
            State(at=invoice.failed_at[0], attributes=waiting, told=("subscription_payment_failed",))
        )
    if invoice in customer.lost:
        states += _given_up(attributes, invoice)
    else:
        told = ["subscription_payment_success"]
        told += ["subscription_payment_recovered"] * bool(invoice.failed_at)
        states.append(State(at=invoice.paid_at, attributes=attributes, told=tuple(told)))
    refunded = _refunded(attributes, bill, back_of(invoice), customer.market, "subscription_payment_refunded")
    return Row(
        type="subscription-invoices",
        id=name,
        states=[*states, *refunded],
        related=("store", "subscription", "customer"),
        links={"invoice_url": f"https://app.lemonsqueezy.example/my-orders/subscription-invoice/{name}"},
        custom=custom,
    )


def _given_up(attributes: Json, invoice: Invoice) -> Iterator[State]:
    """Nobody tries to collect it any more."""
    if invoice.lost_at is not None:
        yield State(at=invoice.lost_at, attributes=attributes | _status("void"))


def _refunded(made: Json, bill: Bill, back: tuple[Back, ...], market: Market, event: str) -> Iterator[State]:
    """Each refund adds to the sum and overwrites the time; `refunded` is set for the last of it only."""
    so_far = 0
    for each in back:
        so_far += each.amount
        full = so_far >= bill.total
        attributes = {
            **made,
            **amounts(market, {"refunded_amount": so_far}),
            **_status("refunded" if full else "partial_refund" if so_far else "paid"),
            "refunded": full,
            "refunded_at": stamp(each.at) if so_far else None,
        }
        yield State(at=each.at, attributes=attributes, told=(event,) if each.amount > 0 else ())


def _payer(customer: Customer) -> Json:
    return {
        "store_id": STORE,
        "customer_id": customer_id(customer),
        "user_name": f"Person {customer.number}",
        "user_email": customer.email,
    }


def _status(status: str) -> Json:
    return {"status": status, "status_formatted": STATUS_WORDS.get(status, status.capitalize())}


def variant_id(price: str) -> int:
    """A price of the business is a variant here."""
    _, currency, interval, plan = price.split("_")
    places = tuple(LOOKS).index(currency), ("week", "month", "year").index(interval)
    return 176_001 + places[0] * 100 + places[1] * 10 + (9 if plan == "addon" else int(plan))
