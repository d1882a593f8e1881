"""What Stripe's records say of who a customer is: in each object's own place, and nothing of the deleted."""

from __future__ import annotations

from typing import Any

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.identifier import Contact
from tests.unit.billing.stripe_records import Json, customer, day, event, paid, session, written

ADDRESS = {"city": "London", "line1": "1 High St", "postal_code": "SW1A 1AA", "state": None, "country": "GB"}
PERSON: Json = {"email": "jane@example.com", "phone": "07911 123456", "name": "Jane Doe", "address": ADDRESS}
SAID = {
    "email": "jane@example.com",
    "phone": "07911 123456",
    "name": "Jane Doe",
    "city": "London",
    "state": None,
    "postal_code": "SW1A 1AA",
    "country": "GB",
}


def said(*records: RawRecord) -> list[Contact]:
    return list(written(list(records)).contacts)


def charged(**more: Any) -> Json:
    return {"id": "ch_1", "object": "charge", "created": 1788264000, "currency": "usd", **more}


def test_a_customer_an_invoice_and_a_checkout_tell_the_same_in_their_own_places() -> None:
    invoice = {f"customer_{name}": value for name, value in PERSON.items()}
    checkout = {"id": "cs_1", "customer": "cus_1", "customer_details": PERSON}
    records = [
        event("customer.updated", {"id": "cus_1", "object": "customer", **PERSON}, day(3)),
        paid(paid_at=day(2), **invoice),
        event("checkout.session.completed", checkout, day(1)),
    ]
    expected = [
        Contact(of="checkout", source_ref=records[2].event_id, stated_at=day(1), **SAID),
        Contact(of="invoice", source_ref=records[1].event_id, stated_at=day(2), **SAID),
        Contact(of="customer", source_ref=records[0].event_id, stated_at=day(3), **SAID),
    ]
    assert said(*records) == expected


def test_a_charge_tells_what_was_written_down_when_it_was_made() -> None:
    charge = charged(billing_details=PERSON)
    inside = {"id": "pi_1", "object": "payment_intent", "customer": "cus_1", "receipt_email": "r@example.com"}
    records = [
        event("charge.refunded", charge, day(9)),
        event("payment_intent.succeeded", {**inside, "latest_charge": charge}, day(1)),
        event("payment_intent.succeeded", {**inside, "charges": {"data": [charge]}}, day(2)),
    ]
    assert by_kind(*records) == {
        "charge": Contact(of="charge", source_ref="ch_1", stated_at=day(0), **SAID),
        "receipt": Contact(
            of="receipt", source_ref=records[2].event_id, stated_at=day(2), email="r@example.com"
        ),
    }


def by_kind(*records: RawRecord) -> dict[str, Contact]:
    return {contact.of: contact for contact in said(*records)}


def test_of_each_kind_the_newest_speaks_in_whatever_order_they_come() -> None:
    def told(at: int, **changes: Any) -> RawRecord:
        return event("customer.updated", {"id": "cus_1", "object": "customer", **PERSON, **changes}, day(at))

    new_charge = charged(billing_details=PERSON | {"name": "J Doe"}, created=1788264000 + 86400, id="ch_2")
    records = [
        told(1),
        told(3, email=None, name="Jane Roe"),
        told(2),
        event("charge.refunded", new_charge, day(4)),
        event("charge.refunded", charged(billing_details=PERSON), day(9)),
    ]
    for order in (records, records[::-1]):
        found = by_kind(*order)
        assert (found["customer"].email, found["customer"].name) == (None, "Jane Roe")
        assert (found["charge"].source_ref, found["charge"].name) == ("ch_2", "J Doe")


def test_the_user_id_is_the_one_the_product_knows() -> None:
    named = [
        customer(metadata={"cs_user_id": "user_1"}, at=1),
        session(client="user_2", at=2),
    ]
    assert [(each.of, each.external_id) for each in said(*named) if each.external_id] == [("user", "user_2")]


def test_of_a_deleted_customer_nothing_is_said() -> None:
    thing = {"id": "cus_1", "object": "customer", **PERSON}
    deleted = event("customer.deleted", thing, day(2))
    assert said(event("customer.created", thing, day(1)), deleted) == []


def test_a_contact_without_a_time_is_nobody() -> None:
    charges = [charged(billing_details=PERSON, created=at) for at in (None, "1788264000", 10**20, -1)]
    assert (
        said(*(event("charge.refunded", each, day(9), name=str(n)) for n, each in enumerate(charges))) == []
    )


def test_nonsense_in_a_contact_is_nobody_and_hurts_nothing_else() -> None:
    nonsense = {"email": 7, "phone": ["x"], "name": "  ", "address": {"city": 7}}
    record = paid(**{f"customer_{name}": value for name, value in nonsense.items()})
    book = written([record])
    assert [(len(book.events), len(book.parked))] == [(1, 0)]
    [contact] = book.contacts
    assert {getattr(contact, name) for name in SAID} == {None}
