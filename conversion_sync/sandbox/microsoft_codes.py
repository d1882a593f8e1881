"""Microsoft Advertising's error codes of offline conversions and of requests: symbol and text.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.1; symbols by the public list of operation error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's symbol and its text."""

    symbol: str
    text: str


CODES: Mapping[int, Meaning] = {
    0: Meaning("InternalError", "An internal error has occurred."),
    105: Meaning("InvalidCredentials", "Authentication failed. Either supplied credentials are invalid."),
    106: Meaning("UserIsNotAuthorized", "The user does not represent an authorized developer."),
    109: Meaning("AuthenticationTokenExpired", "Authentication token expired. Please renew it."),
    117: Meaning("CallRateExceeded", "You have exceeded the number of calls you may make per minute."),
    207: Meaning("ConcurrentRequestOverLimit", "You have too many concurrent requests."),
    5600: Meaning(
        "OfflineConversionsNullOrEmpty", "The list of offline conversions cannot be null or empty."
    ),
    5601: Meaning("OfflineConversionsLimitExceeded", "The list of offline conversions exceeds the limit."),
    5602: Meaning("OfflineConversionIsNull", "The offline conversion cannot be null."),
    5603: Meaning("OfflineConversionMicrosoftClickIdNullOrEmpty", "The click id cannot be null or empty."),
    5604: Meaning("OfflineConversionMicrosoftClickIdInvalid", "The click id is invalid."),
    5605: Meaning("OfflineConversionNameNullOrEmpty", "The conversion name cannot be null or empty."),
    5606: Meaning("OfflineConversionNameInvalid", "The conversion name matches no offline conversion goal."),
    5607: Meaning("OfflineConversionTimeInvalid", "The conversion time is invalid."),
    5608: Meaning("OfflineConversionTimeNullOrEmpty", "The conversion time cannot be null or empty."),
    5609: Meaning("OfflineConversionTimeOutOfWindow", "The conversion time is out of the conversion window."),
    5610: Meaning("OfflineConversionValueInvalid", "The conversion value is invalid."),
    5611: Meaning("OfflineConversionCurrencyCodeInvalid", "The currency code is invalid."),
    5612: Meaning("OfflineConversionsApplyFailed", "Failed to send offline conversions to internal server."),
    5613: Meaning(
        "OfflineConversionPilotNotEnabledForCustomer", "The customer is not enabled for this feature."
    ),
    5614: Meaning("FutureConversionTimeCannotBeSet", "A future conversion time cannot be set."),
    5615: Meaning("OfflineConversionNotAcceptedForGoal", "You must wait 2 hours after the goal was created."),
    5616: Meaning(
        "ConversionTimeEarlierThanClickTime", "The conversion time must be later than the click time."
    ),
    5617: Meaning("ClickIdDateTimeOutsideGoalConversionWindow", "The click is outside the goal's window."),
    5618: Meaning("OfflineConversionInvalidAdjustmentType", "The adjustment type is invalid."),
    5619: Meaning("OfflineConversionAdjustmentTimeNullOrEmpty", "The adjustment time is empty."),
    5620: Meaning(
        "OfflineConversionAdjustmentTimeEarlierThanConversionTime",
        "The adjustment time is earlier than the conversion time.",
    ),
    5621: Meaning("OfflineConversionAdjustmentTimeInvalid", "The adjustment time is invalid."),
    5622: Meaning(
        "OfflineConversionFutureAdjustmentTimeCannotBeSet", "The adjustment time cannot be in the future."
    ),
    5623: Meaning("OfflineConversionAdjustmentTimeOutOfWindow", "The adjustment time is out of the window."),
    5624: Meaning("OfflineConversionAdjustmentValueNotExpected", "The adjustment value is not expected."),
    5625: Meaning("OfflineConversionAdjustmentValueRequired", "The adjustment value is required."),
    5626: Meaning("OfflineConversionCurrencyValueRequired", "The currency value is required."),
    5627: Meaning("OfflineConversionRestateRetractNotSupported", "Restate or retract is not supported."),
    9999: Meaning("HashInvalid", "A hashed identifier is no SHA-256 hash of something."),
}
"""9999 is the sandbox's own: which code the vendor has for a bad hash is not established."""
