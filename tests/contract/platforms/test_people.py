"""Who the customer is, at every platform: taken as hashes made its way, and refused there when it is none."""

from __future__ import annotations

import pytest

from conversion_sync.model.identifier import CLEAR_RULES, HASH_OF_NOTHING, Contact, Rule
from conversion_sync.platforms.catalogue import identifiers_of
from conversion_sync.platforms.contacts import identify
from conversion_sync.platforms.platform import Platform
from tests.contract.platforms.cases import Case
from tests.contract.platforms.running import TAKEN, Opened, Sandbox, assert_taken, counts, row, send
from tests.unit.platforms.rows import PAID_AT

PERSON = Contact(
    of="customer",
    source_ref="evt_1",
    stated_at=PAID_AT,
    email="Jane.Doe+ads@example.com",
    phone="(650) 555-1212",
    name="Jane O'Doe",
    city="San José",
    state="California",
    postal_code="94035-1234",
    country="US",
    external_id="user_7",
)
KNOWN = {made.rule.value: made.value for made in identify([PERSON], Rule).values}


def telling(opened: Opened, case: Case) -> Platform:
    """The account, which tells everything its platform takes."""
    return opened(case, identifiers=[identifier.value for identifier in identifiers_of(case.platform)])


def test_every_platform_takes_some(case: Case) -> None:
    assert identifiers_of(case.platform)


def test_a_row_is_taken_with_everything_the_platform_can_be_told(
    sandbox: Sandbox, case: Case, opened: Opened
) -> None:
    platform = telling(opened, case)
    assert set(platform.catalogue.rules) <= KNOWN.keys()
    sent = row(sandbox, case, identifiers=KNOWN)
    assert platform.invalid(sent) is None
    assert_taken(platform, send(platform, sent))
    assert counts(sandbox, sent) == [1]


def test_a_row_of_nobody_known_is_taken_all_the_same(sandbox: Sandbox, case: Case, opened: Opened) -> None:
    platform = telling(opened, case)
    assert_taken(platform, send(platform, row(sandbox, case)))


HASH_ADVISED = ("meta", "external_id_hashed")
"""Meta takes it in the clear as well, as long as it is somebody's."""


@pytest.mark.parametrize("value", ["jane@example.com", "A" * 64, "a" * 63, HASH_OF_NOTHING])
def test_what_is_no_hash_is_refused_here_and_would_be_there(
    sandbox: Sandbox, opened: Opened, case: Case, value: str
) -> None:
    platform = telling(opened, case)
    hashed = [rule for rule in platform.catalogue.rules if rule not in CLEAR_RULES]
    assert hashed
    for rule in hashed:
        sent = row(sandbox, case, identifiers={**KNOWN, rule: value})
        fault = platform.invalid(sent) or ""
        assert (rule in fault, value in fault) == (True, False)
        if (case.platform, rule) == HASH_ADVISED and value == "a" * 63:
            continue
        answer = send(platform, sent)
        refused = answer.outcome not in TAKEN or bool(answer.rows)
        assert (rule, refused, counts(sandbox, sent)) == (rule, True, [0])
