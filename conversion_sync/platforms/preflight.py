"""What every preflight shares: an answer that is none, as a finding with its remedy."""

from __future__ import annotations

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import Finding, SendResult

UNASKED = "not asked: nothing can be asked without sending; the first delivery tries the credential"
"""What a preflight says of a platform that has no reads."""
AGAIN = "Check again later; if it stays so, check the account's addresses and the network."
PASSING = (Outcome.RETRY_LATER, Outcome.AMBIGUOUS)


def refused(answer: SendResult, remedy: str) -> Finding:
    """Why an account could not be read. `remedy` is the platform's, where the answer brings none."""
    passing = AGAIN if answer.outcome in PASSING else remedy
    return Finding(text=f"{answer.code} {answer.text}".strip(), remedy=answer.remedy or passing)
