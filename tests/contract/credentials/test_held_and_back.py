"""Access that is revoked holds the rows and is told everywhere; after a consent all of them count once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests

from conversion_sync.credentials.forecast import standings
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.expiry import Urgency
from conversion_sync.model.windows import floor_hour
from conversion_sync.orchestration.uploads import ACCEPTED
from conversion_sync.pipeline.configuration import settings_type
from tests.conftest import Database
from tests.contract.credentials.company import Company
from tests.contract.credentials.conftest import OTHER, Place
from tests.contract.credentials.test_connect import desk_of


@pytest.fixture
def at(place: Place, database: Database) -> Place:
    """The same vendors, with a database that holds the ledger too."""
    return replace(place, engine=database.engine)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"telemetry": {"enabled": False}}
    ) as instance:
        yield instance


def company(at: Place) -> Company:
    known = at.vendors.credentials
    account = OTHER["tiktok"] | at.addresses("tiktok")
    secrets = {"client_id": known.tiktok_client_id, "client_secret": known.tiktok_client_secret}
    return Company(
        engine=at.engine,
        settings=settings_type().model_validate(
            {
                "start": floor_hour(datetime.now(UTC) - timedelta(days=1)).isoformat(),
                "upload_mode": "live",
                "billing": {},
                "platforms": {"tiktok": {"main": account | secrets}},
                "actions": {
                    "purchase": {
                        "kinds": ["first_payment"],
                        "targets": {"tiktok": {"main": {"event": "Purchase"}}},
                    }
                },
            }
        ),
    )


def checks(result: dg.ExecuteInProcessResult) -> list[bool]:
    return [each.passed for each in result.get_asset_check_evaluations() if each.check_name == ACCEPTED]


def test_rows_wait_for_a_consent_and_count_once_after_it(
    at: Place, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.integration.world.NOW", datetime.now(UTC))
    mine, desk = company(at), desk_of(at, tmp_path)
    mine.visit({ClickIdKind.TTCLID: "E.C.P.somebody-clicked-here"})

    def connect() -> None:
        with desk.connecting("tiktok") as (process, address):
            requests.get(address, timeout=60)
            _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")

    connect()
    mine.pay(first=2)
    first = mine.upload(instance, "tiktok")
    assert (first.success, checks(first)) == (True, [True])

    at.tell("tiktok", revoke=True)
    mine.pay(second=2, third=2)
    second = mine.upload(instance, "tiktok")
    assert (second.success, checks(second)) == (False, [False])
    assert [row[1:] for row in mine.states()] == [
        ("first", "settled", "confirmed"),
        ("second", "held", "credential_or_configuration"),
        ("third", "held", "credential_or_configuration"),
    ]
    [standing] = standings(mine.settings, at.engine, datetime.now(UTC))
    told = {end.text.split(":")[0] for end in standing.notices if end.urgency is Urgency.NOW}
    assert (standing.held_rows, standing.refused.split()[0]) == (2, "40107")
    assert "2 rows are held" in told

    again = mine.upload(instance, "tiktok")
    assert (again.success, checks(again)) == (False, [False])

    connect()
    third = mine.upload(instance, "tiktok")
    assert (third.success, checks(third)) == (True, [True])
    assert {row[2] for row in mine.states()} == {"settled"}
    booked = at.vendors.books.dump()
    assert [(entry["counts"], entry["times_received"]) for entry in booked] == [(1, 1)] * 3
    [standing] = standings(mine.settings, at.engine, datetime.now(UTC))
    assert (standing.urgency, standing.held_rows, standing.refused) == (Urgency.LASTS, 0, "")
