"""Ad clicks as a user's click table tells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

COLLECTOR = "collector"
"""The source of clicks that browsers told us themselves; other sources have a click table's name."""


class Network(StrEnum):
    """Where a visit came from: `direct` has no ad tag at all, `other` has tags of no platform we know."""

    GOOGLE = "google"
    META = "meta"
    TIKTOK = "tiktok"
    LINKEDIN = "linkedin"
    MICROSOFT = "microsoft"
    REDDIT = "reddit"
    PINTEREST = "pinterest"
    SNAP = "snap"
    X = "x"
    OTHER = "other"
    DIRECT = "direct"


class ClickIdKind(StrEnum):
    """The identifier a platform matches a click by."""

    GCLID = "gclid"
    GBRAID = "gbraid"
    WBRAID = "wbraid"
    FBC = "fbc"
    FBCLID = "fbclid"
    TTCLID = "ttclid"
    LI_FAT_ID = "li_fat_id"
    MSCLKID = "msclkid"
    RDT_CID = "rdt_cid"
    EPIK = "epik"
    SC_CID = "sc_cid"
    TWCLID = "twclid"


NETWORK_OF_CLICK_ID: dict[ClickIdKind, Network] = {
    ClickIdKind.GCLID: Network.GOOGLE,
    ClickIdKind.GBRAID: Network.GOOGLE,
    ClickIdKind.WBRAID: Network.GOOGLE,
    ClickIdKind.FBC: Network.META,
    ClickIdKind.FBCLID: Network.META,
    ClickIdKind.TTCLID: Network.TIKTOK,
    ClickIdKind.LI_FAT_ID: Network.LINKEDIN,
    ClickIdKind.MSCLKID: Network.MICROSOFT,
    ClickIdKind.RDT_CID: Network.REDDIT,
    ClickIdKind.EPIK: Network.PINTEREST,
    ClickIdKind.SC_CID: Network.SNAP,
    ClickIdKind.TWCLID: Network.X,
}
"""In order of preference within a network: the first one a visit has is its touch of that network."""
CLICK_ID_ARRAYS = {
    "kinds": [kind.value for kind in NETWORK_OF_CLICK_ID],
    "networks": [network.value for network in NETWORK_OF_CLICK_ID.values()],
}
"""The same in the same order, as queries take it."""


class Consent(StrEnum):
    """What the visitor said; `unknown` is not a refusal and not a grant."""

    GRANTED = "granted"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """One visit. `click_ref` is the user's own id of the row; times are aware UTC.

    `click_ids` holds all identifiers of the row by kind; they may be of several networks. `network` is
    where the tags of a visit without identifiers point, None where there are some. Columns of table
    `click` have the same names, in the same order.
    """

    source: str
    click_ref: str
    clicked_at: datetime
    visitor_id: str
    user_id: str | None
    network: Network | None
    click_ids: dict[str, str]
    campaign: str | None
    landing_url: str | None
    referrer: str | None
    user_agent: str | None
    ip_address: str | None
    ad_user_data: Consent
    ad_personalization: Consent
    email_sha256: str | None = field(default=None, repr=False)
    """The visitor's e-mail under `Rule.EMAIL_PLAIN`: read only where matching by it is on."""
    browser_ids: dict[str, str] = field(default_factory=dict)
    """What networks call the browser (`fbp`, `ttp`), beside any click; no platform is told yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedClick:
    """A row of the click table that cannot be used, with the reason; the run goes on."""

    source: str
    click_ref: str
    reason: str
    detail: str
