"""One Google Ads account: conversions by Data Manager, corrections by the Google Ads API.

Source: specs/google_ads.md §2.7, §5.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversion_sync.config.roots import read_roots
from conversion_sync.model.conversion import ConversionKind, Outbound
from conversion_sync.platforms.google_ads.api import AdsApi
from conversion_sync.platforms.google_ads.corrections import Corrections
from conversion_sync.platforms.google_ads.credential import Credential
from conversion_sync.platforms.google_ads.data_manager import DataManager
from conversion_sync.platforms.google_ads.encode import invalid
from conversion_sync.platforms.google_ads.preflight import preflight
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement, Tokens


class GoogleAdsAdapter:
    """One conversion customer. Both APIs share its credential."""

    def __init__(self, account: Account, facts: Catalogue) -> None:
        self._facts = facts
        credential = Credential(account)
        self._api = AdsApi(
            account=account, facts=facts, credential=credential, roots=read_roots(account.tls_roots)
        )
        self._conversions = DataManager(account, facts, credential)
        self._corrections = Corrections(self._api)

    @property
    def catalogue(self) -> Catalogue:
        """Google's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why Google would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request to the API the batch's kind belongs to."""
        if batch[0].kind is ConversionKind.ADJUSTMENT:
            return self._corrections.send(batch, validate_only=validate_only)
        return self._conversions.send(batch, validate_only=validate_only)

    def settlement(self, request_ref: str) -> Settlement:
        """Asks Data Manager what became of a request."""
        return self._conversions.settlement(request_ref)

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        """Reads the conversion customer and the conversion actions by the Google Ads API."""
        return preflight(self._api, targets)

    def close(self) -> None:
        """Releases sockets."""
        self._conversions.close()
        self._corrections.close()


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:  # noqa: ARG001
    """The adapter of one account. Opens no socket.

    Raises ConfigurationError when its TLS roots cannot be read: then no row may be claimed for it.
    """
    return GoogleAdsAdapter(account, facts)
