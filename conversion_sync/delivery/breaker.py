"""Circuit breaker: a platform that is down is left alone, and tried by one small request after a pause.

Pure rules over what the database keeps of an account; `delivery/gate.py` reads and writes it. Down is a
platform that cannot be reached, fails inside or gives no answer: a used-up quota, a refused row, batch
or credential are answers of one that is well. Source: specs/meta_tiktok_linkedin_microsoft.md §6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conversion_sync.delivery.pacing import Chance, jittered
from conversion_sync.delivery.verdicts import NOT_TRIED
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.pace import Breaker
from conversion_sync.platforms.platform import Catalogue, SendResult, fact_of

FAILED, WELL = "x", "o"
DOUBLINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account's breaker stands; see sql/schema/0008_pacing.sql."""

    recent: str = ""
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    openings: int = 0
    code: str = ""
    text: str = ""

    @property
    def is_open(self) -> bool:
        """Whether requests wait."""
        return self.opened_at is not None


def failed(answer: SendResult, facts: Catalogue) -> bool:
    """Whether an answer says that the platform is not well."""
    if answer.outcome not in (Outcome.RETRY_LATER, Outcome.AMBIGUOUS):
        return False
    quota = fact_of(facts.quotas, answer.code)
    return not quota and answer.code not in facts.resend_alone and answer.code != NOT_TRIED


def after_failure(
    standing: Standing, answer: SendResult, rule: Breaker, now: datetime, chance: Chance
) -> Standing:
    """The breaker after one more failed answer: a failed probe keeps it open for longer."""
    recent = (standing.recent + FAILED)[-rule.window :]
    if not standing.is_open and not _trips(recent, rule):
        return replace(standing, recent=recent)
    return Standing(
        recent=recent,
        opened_at=standing.opened_at or now,
        probe_at=now + pause(standing.openings, rule, chance),
        openings=standing.openings + 1,
        code=answer.code,
        text=answer.text,
    )


def after_answer(standing: Standing, rule: Breaker) -> Standing:
    """The breaker after an answer that is no failure: closed, and what failed is slowly forgotten.

    A probe that was answered begins a new record: what failed before it was told already.
    """
    if standing.is_open:
        return Standing()
    recent = (standing.recent + WELL)[-rule.window :].lstrip(WELL)
    return replace(standing, recent=recent)


def pause(openings: int, rule: Breaker, chance: Chance) -> timedelta:
    """How long the platform is left alone before it is tried again."""
    doubled = rule.first_pause * (1 << min(openings, DOUBLINGS))
    return jittered(min(doubled, rule.longest_pause), chance)


def _trips(recent: str, rule: Breaker) -> bool:
    """Answers before the first mark of the record were no failures."""
    in_a_row = len(recent) - len(recent.rstrip(FAILED))
    return in_a_row >= rule.failures or recent.count(FAILED) >= rule.share * rule.window
