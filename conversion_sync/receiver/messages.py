"""The form of what browsers tell the collector: checked for its form alone, and kept as one row a click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Text = Annotated[str, AfterValidator(lambda value: value.replace("\x00", ""))]
"""PostgreSQL keeps no zero character."""
Visitor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Milliseconds = Annotated[int, Field(ge=0, le=32_503_680_000_000)]
"""Since 1970, of the browser's clock; up to the year 3000."""
AT_ONCE = 50


class Told(BaseModel):
    """What every message says; what a newer snippet says besides is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    visitor_id: Visitor
    sent_at: Milliseconds


class ClickTold(BaseModel):
    """One click: identifiers by kind, UTM parameters without `utm_`, and the cookie it was recovered from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Milliseconds
    ids: Mapping[Text, Text] = Field(default_factory=dict)
    utm: Mapping[Text, Text] = Field(default_factory=dict)
    url: Text | None = None
    referrer: Text | None = None
    cookie: Text | None = None


class Clicks(Told):
    """`POST /v1/click`: clicks, with what holds for all of them."""

    consent: Mapping[Text, Text] = Field(default_factory=dict)
    browser: Mapping[Text, Text] = Field(default_factory=dict)
    clicks: Sequence[ClickTold] = Field(min_length=1, max_length=AT_ONCE)


class User(Told):
    """`POST /v1/identify`: who uses the browser, by the product's own user id."""

    user_id: Annotated[Text, Field(min_length=1, max_length=200)]
    at: Milliseconds


def click_rows(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Whose browser it is, and a row's body for each click. Raises pydantic's ValidationError."""
    told = Clicks.model_validate_json(body)
    shared = {"sent_at": told.sent_at, "consent": told.consent, "browser": told.browser}
    return told.visitor_id, [shared | click.model_dump(exclude_none=True) for click in told.clicks]


def user_rows(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Whose browser it is, and one row's body. Raises pydantic's ValidationError."""
    told = User.model_validate_json(body)
    return told.visitor_id, [told.model_dump(exclude={"visitor_id"})]
