"""What people see in Dagster's UI. UPDATE_PICTURES=1 keeps the pictures for the README."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Seen

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = Path(__file__).parents[2] / "docs" / "img"
ASSETS = (
    "billing_events",
    "clicks",
    "revenue_events",
    "attribution",
    "conversions",
    "meta_main_uploads",
)
"""Whose names are short enough to be shown whole."""
PATIENCE = 30_000
"""Milliseconds that the UI gets to show what it fetches after a page has come."""


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE)


def keep(page: Page, name: str, folder: Path) -> None:
    """Takes the picture, to look at when a test failed, and for the README when that is asked for."""
    page.wait_for_load_state("networkidle")
    kept = PICTURES if os.environ.get("UPDATE_PICTURES") else folder
    kept.mkdir(parents=True, exist_ok=True)
    assert len(page.screenshot(path=kept / f"{name}.png")) > 20_000


def test_the_assets_of_an_hour_are_a_picture_of_the_main_job(seen: Seen, page: Page, tmp_path: Path) -> None:
    groups = ",".join(f"global@global:{group}" for group in ("sources", "books", "uploads"))
    page.set_viewport_size({"width": 1800, "height": 1000})
    page.goto(f"{seen.address}/asset-groups/?expanded={quote(groups)}")
    for name in ASSETS:
        expect(page.get_by_text(name, exact=True).first).to_be_attached()
    expect(page.get_by_text("Materialize all").first).to_be_visible()
    keep(page, "assets", tmp_path)


def test_the_hours_of_an_ad_account_are_a_grid(seen: Seen, page: Page, tmp_path: Path) -> None:
    page.goto(
        f"{seen.address}/assets/google_ads_main_uploads?view=partitions&partition={quote(seen.partition)}"
    )
    for told in (seen.partition, "Materialized (", "Missing ("):
        expect(page.get_by_text(told).first).to_be_visible()
    keep(page, "uploads", tmp_path)


def test_a_run_with_a_refused_row_says_which_and_why(seen: Seen, page: Page, tmp_path: Path) -> None:
    page.goto(f"{seen.address}/runs/{seen.run_id}?logs=platform_refused")
    expect(page.get_by_text("CLICK_NOT_FOUND").first).to_be_visible()
    keep(page, "rejected-row", tmp_path)
