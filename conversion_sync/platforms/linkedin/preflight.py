"""What a conversion rule must be for its conversions to be taken in.

Asked before sending, because LinkedIn's refusal of a wrong rule reads like a refused credential.
Source: specs/meta_tiktok_linkedin_microsoft.md §3.3, §3.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import Finding
from conversion_sync.platforms.verdict import OK

METHOD = "CONVERSIONS_API"
FORBIDDEN, MISSING = 403, 404


def rule_findings(action: str, rule: str, reply: Reply) -> list[Finding] | None:
    """What is wrong with an action's rule; None when the answer says nothing about it."""
    place = f"conversion rule {rule} of action {action}"
    if reply.status in (FORBIDDEN, MISSING):
        text = f"There is no {place} that the token may see."
        remedy = "Correct its conversion_rule_id, or give the token's member a role on the rule's ad account."
        return [Finding(text=text, remedy=remedy)]
    body = members(reply.document())
    if reply.status != OK or "conversionMethod" not in body:
        return None
    return _of(body, place)


def _of(body: Mapping[str, object], place: str) -> list[Finding]:
    found = []
    if body["conversionMethod"] != METHOD:
        text = f"The {place} is not of the method Conversions API."
        found.append(Finding(text=text, remedy="Set the method in Campaign Manager, or name another rule."))
    if body.get("enabled") is not True:
        text = f"The {place} is switched off."
        found.append(Finding(text=text, remedy="Switch it on in Campaign Manager, or name another rule."))
    return found
