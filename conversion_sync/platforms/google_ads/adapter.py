"""One Google Ads account: conversions by one of two APIs, corrections by the Google Ads API.

Source: specs/google_ads.md §0, §2.7, §5.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversion_sync.config.roots import read_roots
from conversion_sync.model.conversion import ConversionKind, Outbound
from conversion_sync.platforms.google_ads.api import AdsApi
from conversion_sync.platforms.google_ads.data_manager import DataManager
from conversion_sync.platforms.google_ads.encode import invalid
from conversion_sync.platforms.google_ads.preflight import preflight
from conversion_sync.platforms.google_ads.rpc import Rpc
from conversion_sync.platforms.google_ads.settings import Account, UploadApi
from conversion_sync.platforms.google_ads.uploads import ADJUSTMENTS, CONVERSIONS, Uploads
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement, Tokens


class GoogleAdsAdapter:
    """One conversion customer. Both APIs share its tokens."""

    def __init__(self, account: Account, facts: Catalogue, tokens: Tokens) -> None:
        self._facts = facts
        roots = read_roots(account.tls_roots)
        self._api = AdsApi(account, facts, Rpc(endpoint=account.endpoint, tokens=tokens, roots=roots))
        events = Rpc(endpoint=account.data_manager_endpoint, tokens=tokens, roots=roots)
        self._data_manager = DataManager(account, facts, events)
        by_click = account.upload_api is UploadApi.CLICK_UPLOAD
        self._conversions = Uploads(self._api, CONVERSIONS) if by_click else self._data_manager
        self._corrections = Uploads(self._api, ADJUSTMENTS)

    @property
    def catalogue(self) -> Catalogue:
        """Google's facts, of the account's route."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why Google would refuse the row."""
        return invalid(row, self._facts.identifiers)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request to the API the batch's kind belongs to."""
        if batch[0].kind is ConversionKind.ADJUSTMENT:
            return self._corrections.send(batch, validate_only=validate_only)
        return self._conversions.send(batch, validate_only=validate_only)

    def settlement(self, request_ref: str) -> Settlement:
        """Asks Data Manager what became of a request, whichever route the account has taken since."""
        return self._data_manager.settlement(request_ref)

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        """Reads how the account and its conversion actions are set, and has one made-up row checked."""
        return preflight(self._api, targets, self._conversions.send)

    def close(self) -> None:
        """Releases the channels."""
        self._data_manager.close()
        self._api.close()


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens no socket.

    Raises ConfigurationError when its TLS roots cannot be read: then no row may be claimed for it.
    """
    return GoogleAdsAdapter(account, facts, tokens)
