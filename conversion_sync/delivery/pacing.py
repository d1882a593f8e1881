"""Pacing: how long an account waits when a quota is used up or nearly, or pauses between tries grow.

Pure rules; `delivery/gate.py` keeps their state in the database. Why there, and not in Dagster's pools
alone: a pool keeps one upload of an account running at a time, but knows no minute and no day, forgets
with the process, and does not see a sync by the command. The database is where every delivery to the
account comes by anyway, so hourly runs, backfills and commands count together, a restart forgets
nothing, and it costs one statement a request.

Source: specs/google_ads.md §2.4, §4.3; specs/meta_tiktok_linkedin_microsoft.md §6.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from conversion_sync.delivery.verdicts import LONGEST_ASKED, pause_of
from conversion_sync.platforms.platform import Patience

JITTER = 0.2
LONGEST_WAIT = timedelta(hours=1)
"""Of the waits that are ours to choose."""

Chance = Callable[[], float]
"""A number from 0 to below 1."""
chance: Chance = random.SystemRandom().random


def jittered(wait: timedelta, chance: Chance) -> timedelta:
    """The wait, up to a fifth shorter or longer, so that accounts do not come back in step."""
    return wait * (1 - JITTER + 2 * JITTER * chance())


def quota_wait(
    patience: Patience, strikes: int, now: datetime, asked: timedelta | None, chance: Chance
) -> timedelta:
    """How long an account is left alone whose quota is used up, for the `strikes` + 1st time in a row.

    The platform's own delay goes before the code's pauses, and is kept to the second, as midnight is.
    """
    if asked is not None:
        return min(asked, LONGEST_ASKED)
    wait = pause_of(patience, strikes, now) or LONGEST_WAIT
    return jittered(wait, chance) if wait <= LONGEST_WAIT else wait
