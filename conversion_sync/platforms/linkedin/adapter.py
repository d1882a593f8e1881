"""LinkedIn's Conversions API over plain HTTP; the vendor's package loses every error.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.1, §3.4, §3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire
from conversion_sync.platforms.linkedin.classify import REMEDY, classify
from conversion_sync.platforms.linkedin.encode import invalid, request
from conversion_sync.platforms.linkedin.preflight import rule_findings
from conversion_sync.platforms.linkedin.settings import Account
from conversion_sync.platforms.platform import (
    Catalogue,
    Finding,
    Platform,
    Preflight,
    SendResult,
    Settlement,
    Tokens,
)
from conversion_sync.platforms.preflight import refused
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask

UNAUTHORISED, FORBIDDEN = 401, 403


class LinkedInAdapter:
    """One ad account's conversion rules."""

    def __init__(self, account: Account, facts: Catalogue, tokens: Tokens) -> None:
        self._facts = facts
        self._base = f"{account.base_url.rstrip('/')}/rest"
        self._wire = Wire(tokens)
        self._tokens = tokens

    @property
    def catalogue(self) -> Catalogue:
        """LinkedIn's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why LinkedIn would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request, and once again with a new token where the old one is refused.

        LinkedIn has no check without effect: with `validate_only` the check is ours.
        """
        if validate_only:
            return checked_here(batch, invalid)
        answer = self._signed(lambda token: self._post(batch, token))
        if isinstance(answer, SendResult):
            return answer
        found = classify(self._facts, answer, len(batch), nameless(batch, self._wire.excerpt))
        return _with_rules(found, batch) if answer.status == FORBIDDEN else found

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """LinkedIn answers at once."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        """Reads each conversion rule (§3.4); the token is fetched even where no rule is configured."""
        token = self._tokens.token()
        if isinstance(token, SendResult):
            return Preflight(findings=[refused(token, REMEDY)])
        found: list[Finding] = []
        for action, target in sorted(targets.items()):
            rule = target["conversion_rule_id"]
            answer = self._signed(partial(self._get, rule))
            if isinstance(answer, SendResult):
                return Preflight(findings=[*found, refused(answer, REMEDY)])
            about = rule_findings(action, rule, answer)
            if about is None:
                read = classify(self._facts, answer, 0, self._wire.excerpt)
                return Preflight(findings=[*found, refused(read, REMEDY)])
            found.extend(about)
        said = f"{len(targets)} conversion rules can be used" if targets else "no conversion rule to look up"
        return Preflight(said=said, findings=found)

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()

    def _signed(self, request: Callable[[str], Reply | Lost]) -> Reply | SendResult:
        return signed(self._tokens, request, lambda reply: reply.status == UNAUTHORISED)

    def _post(self, batch: Sequence[Outbound], token: str) -> Reply | Lost:
        headers = self._headers() | {"X-RestLi-Method": "BATCH_CREATE"}
        address = f"{self._base}/conversionEvents"
        body = request(batch, self._facts.identifiers)
        return self._wire.post_json(address, body, auth=Bearer(token), headers=headers)

    def _get(self, rule: str, token: str) -> Reply | Lost:
        return self._wire.get(f"{self._base}/conversions/{rule}", auth=Bearer(token), headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"LinkedIn-Version": self._facts.api_version, "X-Restli-Protocol-Version": "2.0.0"}


def _with_rules(answer: SendResult, batch: Sequence[Outbound]) -> SendResult:
    """LinkedIn does not say which rule of a request it has no account for (§3.3): those that were sent."""
    rules = ", ".join(sorted({row.target["conversion_rule_id"] for row in batch}))
    return replace(
        answer, remedy=f"{answer.remedy} Rules sent: {rules}; conversion-sync check asks for each."
    )


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens nothing."""
    return LinkedInAdapter(account, facts, tokens)
