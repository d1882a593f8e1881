"""Google Ads' date-time texts and what is wrong with one. Source: specs/google_ads.md §2.2, §8.3 rule 18."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from conversion_sync.sandbox.google_ads_failures import Fault

SHAPE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d")
SKEW = timedelta(seconds=60)


def read_time(text: str, field: str, now: datetime) -> datetime | Fault:
    """The moment in UTC, or the fault of the text: shape, impossible date, future."""
    if not text:
        return Fault("field_error.REQUIRED", field, "The required field was not present.")
    if not SHAPE.fullmatch(text):
        code = "date_error.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"
        return Fault(code, field, "The date time must be yyyy-mm-dd hh:mm:ss+|-hh:mm.")
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return Fault("date_error.INVALID_FIELD_VALUES_IN_DATE_TIME", field, "No such date or time.")
    if at > now + SKEW:
        return Fault("date_error.LATER_THAN_MAXIMUM_DATE", field, "The date time is in the future.")
    return at
