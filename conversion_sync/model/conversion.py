"""The ledger's words: states, reasons, outcome classes, and what is handed to a platform.

Source: DESIGN.md §4 (states, laws, outcome classes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, NewType

from conversion_sync.model.money import Money

ConversionId = NewType("ConversionId", str)


class ConversionKind(StrEnum):
    """A conversion, or the correction of one."""

    CONVERSION = "conversion"
    ADJUSTMENT = "adjustment"


class Verb(StrEnum):
    """What the platform is asked to do."""

    SEND = "send"
    RESTATE = "restate"
    RETRACT = "retract"


class State(StrEnum):
    """Where a row of the ledger stands; the table in docs/ledger.md says where each leads."""

    PLANNED = "planned"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    HELD = "held"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SUPERSEDED = "superseded"


OPENS_IN = frozenset({State.PLANNED, State.SKIPPED, State.HELD, State.SUPERSEDED})
"""Where planning may open a row. Kept by the database alone, like the next table."""
LEADS_TO: Mapping[State, frozenset[State]] = {
    State.PLANNED: frozenset(
        {State.IN_FLIGHT, State.SKIPPED, State.SUPERSEDED, State.HELD, State.UNKNOWN},
    ),
    State.IN_FLIGHT: frozenset(
        {State.ACCEPTED, State.SETTLED, State.PLANNED, State.REJECTED, State.UNKNOWN, State.HELD}
    ),
    State.ACCEPTED: frozenset({State.SETTLED, State.REJECTED, State.PLANNED, State.HELD, State.UNKNOWN}),
    State.SETTLED: frozenset(),
    State.HELD: frozenset({State.PLANNED, State.SKIPPED, State.SUPERSEDED}),
    State.SKIPPED: frozenset({State.PLANNED, State.HELD, State.SUPERSEDED}),
    State.REJECTED: frozenset({State.PLANNED}),
    State.UNKNOWN: frozenset({State.SETTLED, State.PLANNED}),
    State.SUPERSEDED: frozenset({State.PLANNED, State.SKIPPED, State.HELD}),
}
"""Where each state may lead, for people and tests to read. What keeps rows to it, whoever writes, are the
triggers of sql/schema/0009_state_changes.sql; tests/integration/test_states.py holds the two equal.
"""
HELD_BY_PLATFORM = frozenset({State.SETTLED, State.ACCEPTED})
"""What the platform has in its books, by all it said so far."""


class Outcome(StrEnum):
    """The classes every platform's answers map to."""

    DELIVERED = "delivered"
    """The platform holds it; duplicates included."""
    ACCEPTED = "accepted"
    """Taken in; the platform confirms later."""
    REJECTED = "rejected"
    """The platform refused this row for good."""
    BAD_BATCH = "bad_batch"
    """One or more rows made the platform refuse the whole request."""
    RETRY_LATER = "retry_later"
    """Certainly not taken in; the same call may succeed later."""
    HOLD = "hold"
    """Credential, permission or configuration: a human first."""
    AMBIGUOUS = "ambiguous"
    """The request may have arrived."""


class Reason(StrEnum):
    """Why a row is where it is. Each has a sentence and a remedy in `REASONS`."""

    READY = "ready"
    WAITS_CLICK_AGE = "waits_click_age"
    WAITS_FOR_ORIGINAL = "waits_for_original"
    WAITS_RETRY = "waits_retry"
    RESEND_IN_DOUBT = "resend_in_doubt"
    SENT = "sent"
    CONFIRMED = "confirmed"
    CONFIRMED_BY_HAND = "confirmed_by_hand"
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    NO_CUSTOMER = "no_customer"
    NO_CLICK = "no_click"
    CLICK_TOO_OLD = "click_too_old"
    EVENT_TOO_OLD = "event_too_old"
    EVENT_IN_FUTURE = "event_in_future"
    QUARANTINED_IDENTITY = "quarantined_identity"
    NO_CONSENT = "no_consent"
    PAID_ELSEWHERE = "paid_elsewhere"
    NOT_MAPPED = "not_mapped"
    ZERO_VALUE = "zero_value"
    REFUND_UNSUPPORTED = "refund_unsupported"
    NOTHING_TO_ADJUST = "nothing_to_adjust"
    NETTED_BEFORE_SEND = "netted_before_send"
    REFUNDED_BEFORE_SEND = "refunded_before_send"
    ADJUSTMENT_TOO_OLD = "adjustment_too_old"
    ADJUSTMENT_FINAL = "adjustment_final"
    VALUE_UNCHANGED = "value_unchanged"
    OVERTAKEN = "overtaken"
    TEST_MODE = "test_mode"
    REPLANNED = "replanned"
    RECLASSIFIED = "reclassified"
    HISTORY_INCOMPLETE = "history_incomplete"
    INVALID_ROW = "invalid_row"
    PLATFORM_REFUSED = "platform_refused"
    NEEDS_REVIEW = "needs_review"
    CREDENTIAL_OR_CONFIGURATION = "credential_or_configuration"
    ACCOUNT_SETTING = "account_setting"
    MAY_HAVE_ARRIVED = "may_have_arrived"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason in words: what it means and what a person can do."""

    sentence: str
    remedy: str


REASONS: Mapping[Reason, Explanation] = {
    Reason.READY: Explanation("It is due and will go out with the next delivery.", "None needed."),
    Reason.WAITS_CLICK_AGE: Explanation(
        "The platform refuses conversions of clicks this fresh.",
        "None needed: it goes out by itself once the click is old enough.",
    ),
    Reason.WAITS_FOR_ORIGINAL: Explanation(
        "A correction waits until it is known what became of the conversion and of corrections before it.",
        "None needed.",
    ),
    Reason.WAITS_RETRY: Explanation(
        "The platform could not take it; it certainly did not arrive.",
        "None needed: it is tried again, until its deadline or as long as the platform's code allows.",
    ),
    Reason.RESEND_IN_DOUBT: Explanation(
        "A request may or may not have arrived; the platform drops duplicates, so the same ids go again.",
        "None needed: after the time in which duplicates are dropped it waits for a person.",
    ),
    Reason.SENT: Explanation("The request left.", "None needed."),
    Reason.CONFIRMED: Explanation("The platform holds it.", "None needed."),
    Reason.CONFIRMED_BY_HAND: Explanation(
        "A person found it at the platform and said so; who and when stands among its attempts.",
        "None needed.",
    ),
    Reason.AWAITING_CONFIRMATION: Explanation(
        "The platform took it in and confirms later.", "None needed: confirmation is polled."
    ),
    Reason.NO_CUSTOMER: Explanation(
        "The billing fact names no customer.", "Create invoices with a customer."
    ),
    Reason.NO_CLICK: Explanation(
        "No click of this platform is known for the customer before the payment.",
        "None if the customer came another way; else check the click table and identity links.",
    ),
    Reason.CLICK_TOO_OLD: Explanation(
        "The customer's last click of this platform lies before the platform's window.",
        "Widen the window if the platform's own setting allows it.",
    ),
    Reason.EVENT_TOO_OLD: Explanation(
        "The platform takes no events this old.", "Run hourly; a backfill cannot bring these back."
    ),
    Reason.EVENT_IN_FUTURE: Explanation(
        "The payment's time lies in the future.", "Check the clocks of this machine and the provider."
    ),
    Reason.QUARANTINED_IDENTITY: Explanation(
        "Evidence of who the customer or visitor is contradicts itself: nobody knows whose click it was.",
        "See who it could be with `conversion-sync explain`; later or stronger evidence decides by itself.",
    ),
    Reason.NO_CONSENT: Explanation("The visitor refused the use of ad data.", "None: it must not be sent."),
    Reason.PAID_ELSEWHERE: Explanation(
        "The payer paid under another billing account before, so this is no first payment.",
        "None needed: what they pay later is reported as it is mapped.",
    ),
    Reason.NOT_MAPPED: Explanation(
        "No conversion action is mapped to this kind of event on this account.",
        "Map it under `actions` if it should be sent.",
    ),
    Reason.ZERO_VALUE: Explanation(
        "The value rule gives nothing to report.", "Use a fixed value if the event itself should count."
    ),
    Reason.REFUND_UNSUPPORTED: Explanation(
        "The platform has no way to take back or lower this conversion.",
        "None: the difference stays visible in the reconciliation.",
    ),
    Reason.NOTHING_TO_ADJUST: Explanation(
        "The payment this refund belongs to was never sent to the platform.", "None needed."
    ),
    Reason.NETTED_BEFORE_SEND: Explanation(
        "The payment had not left yet, so the refund was taken off its value.", "None needed."
    ),
    Reason.REFUNDED_BEFORE_SEND: Explanation(
        "The payment was refunded in full before it left.", "None needed."
    ),
    Reason.ADJUSTMENT_TOO_OLD: Explanation(
        "The platform no longer accepts corrections of this conversion.",
        "None: the difference stays visible in the reconciliation.",
    ),
    Reason.ADJUSTMENT_FINAL: Explanation(
        "The conversion was retracted, which the platform cannot undo.",
        "None: the difference stays visible in the reconciliation.",
    ),
    Reason.VALUE_UNCHANGED: Explanation(
        "The action's value rule gives the same value after this correction.", "None needed."
    ),
    Reason.OVERTAKEN: Explanation(
        "A later correction of the same payment carries the new value instead.", "None needed."
    ),
    Reason.TEST_MODE: Explanation("The billing object is a test object.", "None: test data never leaves."),
    Reason.REPLANNED: Explanation(
        "The facts changed before it left; another row took its place.", "None needed."
    ),
    Reason.RECLASSIFIED: Explanation(
        "The same billing object was already sent as another kind of event.",
        "None: it stays held, so that nothing counts twice. If it should count, enter it at the platform.",
    ),
    Reason.HISTORY_INCOMPLETE: Explanation(
        "The billing account's past is not read to its end yet: what is a first payment is not known.",
        "None: the hourly sync reads it and lets the row go; `conversion-sync check` says how far it is.",
    ),
    Reason.INVALID_ROW: Explanation(
        "The row breaks a rule of the platform that is checked before sending.",
        "Mend what the text of the last attempt names, then send it again: `conversion-sync replay`.",
    ),
    Reason.PLATFORM_REFUSED: Explanation(
        "The platform refused this row.",
        "Mend what the code and text of the last attempt name, then send it again: `conversion-sync replay`.",
    ),
    Reason.NEEDS_REVIEW: Explanation(
        "The platform's code is not known, or it asked to come back later for too long.",
        "See the code and text of the last attempt; once they are dealt with: `conversion-sync replay`.",
    ),
    Reason.CREDENTIAL_OR_CONFIGURATION: Explanation(
        "The account's credential, permission or configuration is refused.",
        "Mend what the last attempt's text names; the rows then go out by themselves, or at once after "
        "`conversion-sync release`.",
    ),
    Reason.ACCOUNT_SETTING: Explanation(
        "The platform took it in and then said that a setting of the account keeps it from counting.",
        "Mend what the code of the last attempt names, then: `conversion-sync release`.",
    ),
    Reason.MAY_HAVE_ARRIVED: Explanation(
        "A request left and nobody knows what became of it; another copy could count twice, or was refused.",
        "Look its vendor id up at the platform and say what you found: `conversion-sync settle` with "
        "`--delivered` or `--missing`.",
    ),
}


def conversion_id(
    event_key: str, platform: str, account: str, action: str, kind: ConversionKind
) -> ConversionId:
    """The row's name: a hash of what it is, never of when it was seen. 32 hex digits.

    The SQL twin is `conversion_id(...)` in sql/schema; a test holds them equal.
    """
    text = "\x1f".join((event_key, platform, account, action, kind.value))
    return ConversionId(hashlib.sha256(text.encode()).hexdigest()[:32])


class Outbound(NamedTuple):
    """One ledger row as a platform adapter sees it. Times are aware UTC.

    `vendor_id` is the id the platform dedups and adjusts by (`cs_` + conversion id; an adjustment
    carries its original's). `target` is the mapping of the action for this platform, verbatim from
    the configuration (`event_name`, `conversion_action_id`, …) as it was when the first copy left that
    may have arrived; a correction has its original's. `value` is None for a retraction
    and for actions without value. What tells a person apart stays out of its `repr`.
    """

    conversion_id: ConversionId
    vendor_id: str
    kind: ConversionKind
    verb: Verb
    event_kind: str
    action: str
    target: Mapping[str, str]
    value: Money | None
    occurred_at: datetime
    click_id_kind: str | None
    click_id: str | None
    click_ids: Mapping[str, str] = MappingProxyType({})
    clicked_at: datetime | None = None
    landing_url: str | None = None
    user_agent: str | None = None
    ip_address: str | None = None
    identifiers: Mapping[str, str] = MappingProxyType({})
    """Who the customer is, by the rule each value is made under (`model.identifier.Rule`): hashes, and what
    platforms want in the clear. Empty unless the account's configuration asks for them."""
    ad_user_data: str = "unknown"
    ad_personalization: str = "unknown"
    adjusted_at: datetime | None = None
    """For adjustments: the time the correction takes effect, strictly increasing per original."""
    original_at: datetime | None = None
    """For adjustments: when what they correct occurred, as it was sent."""

    def __repr__(self) -> str:
        """What it is; who it is about is left out."""
        told = (f"{name}={getattr(self, name)!r}" for name in self._fields if name not in PERSONAL)
        return f"Outbound({', '.join(told)})"


PERSONAL = frozenset({"click_id", "click_ids", "landing_url", "user_agent", "ip_address", "identifiers"})
