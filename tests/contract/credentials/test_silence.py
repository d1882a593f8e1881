"""Whatever goes wrong with whichever platform, nobody reads a secret or learns who a customer is.

Every platform's account fails in every way; then all that was written is searched: Dagster's databases and
files, the product's own database, what the commands print, what loggers said.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from sqlalchemy import text

from conversion_sync import redaction
from conversion_sync.credentials.keys import VARIABLE, keyring
from conversion_sync.credentials.store import Store
from conversion_sync.delivery.deliver import deliver as deliver_rows
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.windows import floor_hour
from conversion_sync.pipeline.configuration import load_settings
from conversion_sync.redaction import install
from conversion_sync.sandbox import google_rpc
from conversion_sync.sandbox.faults import Rule
from tests.conftest import Database
from tests.contract.credentials.company import Company
from tests.contract.credentials.conftest import OTHER, VENDORS, Place
from tests.contract.credentials.test_connect import Desk
from tests.integration.world import CUSTOMER

CLICKS = {
    ClickIdKind.GCLID: "canary-gclid-0001",
    ClickIdKind.FBCLID: "canary-fbclid-0002",
    ClickIdKind.TTCLID: "E.C.P.canary-ttclid-0003",
    ClickIdKind.LI_FAT_ID: "ca11a4aa-0004-4444-8444-444444444444",
    ClickIdKind.MSCLKID: "ca11a4a0000540008000aaaaaaaaaaaa",
    ClickIdKind.RDT_CID: "canary-rdt-cid-0006",
}
MAIL = "canary.somebody@shop.example"
HASH = hashlib.sha256(MAIL.encode()).hexdigest()
RULES = ("email_plain", "email_canonical", "email_google")
PEOPLE = (*CLICKS.values(), MAIL, HASH)
SENT_BY_DESIGN = ("click", "touch", "attributed_click", "conversion", "customer_identifier")
"""Tables of the product that hold click ids or hashes, as they must."""
SENDERS = {
    "meta": ClickIdKind.FBCLID,
    "tiktok": ClickIdKind.TTCLID,
    "linkedin": ClickIdKind.LI_FAT_ID,
    "reddit": ClickIdKind.RDT_CID,
    "microsoft": ClickIdKind.MSCLKID,
    "data_manager": ClickIdKind.GCLID,
}
"""The sandbox's vendors, and the click ids each of them is told."""
TOKENS = ("google_oauth", "tiktok_oauth", "linkedin_oauth", "microsoft_oauth")
TARGETS: Mapping[str, dict[str, str]] = {
    "google_ads": {"conversion_action_id": "700000001"},
    "meta": {"event_name": "Purchase"},
    "tiktok": {"event": "Purchase"},
    "linkedin": {"conversion_rule_id": "900001"},
    "reddit": {"tracking_type": "PURCHASE"},
    "microsoft_ads": {"conversion_name": "Offline purchase"},
}
ALL = tuple(TARGETS)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The company, its vendors, and the configuration on disk."""

    place: Place
    company: Company
    desk: Desk
    configured: tuple[str, ...]
    rpc: str

    def secrets(self) -> list[str]:
        """All that is known of tokens by now, and what they are sealed with."""
        known = list(self.configured)
        for platform in VENDORS:
            kept = Store(
                engine=self.place.engine, keyring=keyring(), platform=platform, account="main"
            ).read()
            if kept is not None:
                known += [kept.secrets.access, kept.secrets.refresh, kept.secrets.previous]
        return [secret for secret in known if secret]

    def fail(self, vendor: str, **action: Any) -> None:
        """From now on, every request to a vendor."""
        rule = {"vendor": vendor, "times": None, "action": action}
        self.place.vendors.faults.add(Rule.model_validate(rule))


def echo(stage: Stage, vendor: str) -> str:
    """What a vendor might repeat of a request: it knows the tokens and whom it was told of."""
    told = [CLICKS[SENDERS[vendor]], MAIL, HASH] if vendor in SENDERS else []
    return " ".join([*stage.secrets(), *told, f"Bearer {stage.secrets()[-1]}"])


def senders(stage: Stage, status: int | None = None, *, plain: bool = False, **action: Any) -> None:
    """Every vendor answers with what it was told, as an error in the shape of all of them at once."""
    for vendor in SENDERS:
        said = echo(stage, vendor)
        error = {"code": 100, "message": said, "error_user_msg": said, "fbtrace_id": said, "status": said}
        faults = [{"Code": 105, "ErrorCode": said, "Message": said}]
        body: Any = {"code": 50000, "message": said, "request_id": said, "error": error, "Errors": faults}
        answer = {"status": status, "body": f"<html>{said}" if plain else body} if status else {}
        if vendor == "data_manager" and status:
            answer = {"grpc_status": OVER_GRPC[status], "grpc_details": details(said), "body": said}
        stage.fail(vendor, **answer, **action)


OVER_GRPC = {200: None, 401: "UNAUTHENTICATED", 500: "INTERNAL"}
"""Without a status what is said are the bytes of the answer."""


def details(said: str) -> list[dict[str, Any]]:
    """What a gRPC status may repeat beside its message."""
    violation = {"field": "events.events[0].user_data", "description": said, "reason": said}
    return [
        {"@type": "google.rpc.ErrorInfo", "reason": said, "metadata": {"said": said}},
        {"@type": "google.rpc.BadRequest", "fieldViolations": [violation]},
    ]


def refreshes(stage: Stage) -> None:
    """No token is taken, and none is given out."""
    senders(stage, 401)
    for vendor in TOKENS:
        said = echo(stage, vendor)
        body = {"code": 40107, "message": said, "error": "invalid_grant", "error_description": said}
        stage.fail(vendor, status=400, body=body)


def revoke(stage: Stage) -> None:
    for platform in VENDORS:
        stage.place.tell(platform, revoke=True)


TLS = "no TLS at the other end"
WAYS: Mapping[str, Callable[[Stage], None]] = {
    "nothing": lambda _: None,
    "401": lambda stage: senders(stage, 401),
    "500": lambda stage: senders(stage, 500),
    "malformed": lambda stage: senders(stage, 200, plain=True),
    "timeout": lambda stage: senders(stage, delay_seconds=3),
    "cut": lambda stage: senders(stage, drop_reply=True),
    TLS: lambda _: None,
    "refresh refused": refreshes,
    "revoked": revoke,
}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    kept = {"managed_python_loggers": ["conversion_sync", "urllib3"], "python_log_level": "DEBUG"}
    with dg.DagsterInstance.local_temp(
        str(tmp_path / "dagster"), overrides={"telemetry": {"enabled": False}, "python_logs": kept}
    ) as instance:
        yield instance


@pytest.fixture
def stage(
    place: Place, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(redaction, "_configured", set())
    install()
    here, now = replace(place, engine=database.engine), datetime.now(UTC)
    monkeypatch.setattr("tests.integration.world.NOW", now)
    monkeypatch.setattr("conversion_sync.platforms.http.READ_SECONDS", 0.3)
    monkeypatch.setattr("conversion_sync.platforms.google_ads.rpc.CALL_SECONDS", 2)
    monkeypatch.setattr("conversion_sync.orchestration.failures.STEP_RETRIES", 0)
    monkeypatch.setattr(
        "conversion_sync.pipeline.deliver.deliver_rows",
        lambda *given: deliver_rows(*given[:-1], sleep=lambda _: None),
    )
    environment = {"T_DATABASE": database.url, "PYTHONPATH": str(Path.cwd())}
    server, port, ca = google_rpc.serve(here.vendors, "127.0.0.1", 0)
    (tmp_path / "roots.pem").write_bytes(ca)
    content = configuration(here, now, environment)
    content["platforms"]["google_ads"]["main"] |= {
        "data_manager_endpoint": f"localhost:{port}",
        "endpoint": "localhost:1",
        "tls_roots": "roots.pem",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "conversion_sync.yaml").write_text(yaml.safe_dump(content))
    settings = load_settings(tmp_path / "conversion_sync.yaml")
    company = Company(settings=settings, engine=database.engine, now=now)
    company.visit(CLICKS)
    with database.engine.begin() as connection:
        for rule in RULES:
            connection.execute(
                text("insert into customer_identifier values (:who, :rule, :hash, 'test', now())"),
                {"who": CUSTOMER, "rule": rule, "hash": HASH},
            )
    secrets = [value for name, value in environment.items() if name.startswith("T_SECRET")]
    yield Stage(
        place=here,
        company=company,
        desk=Desk(folder=tmp_path, environment=dict(os.environ)),
        configured=(*secrets, os.environ[VARIABLE]),
        rpc=f"localhost:{port}",
    )
    server.stop(None).wait()
    logging.setLogRecordFactory(factory)


def configuration(place: Place, now: datetime, environment: dict[str, str]) -> dict[str, Any]:
    """Every platform, with everything a customer is told by."""
    known = place.vendors.credentials

    def secret(value: str) -> str:
        name = f"T_SECRET_{len(environment)}"
        environment[name] = value
        return f"env:{name}"

    accounts: dict[str, dict[str, Any]] = {
        "meta": {
            "dataset_id": known.meta_dataset_id,
            "access_token": secret(known.meta_access_token),
            "app_secret": secret(known.meta_app_secret),
            "base_url": f"{place.url}/meta",
        },
        "reddit": {
            "pixel_id": known.reddit_pixel_id,
            "access_token": secret(known.reddit_conversion_token),
            "base_url": f"{place.url}/reddit",
        },
    }
    for platform, vendor in VENDORS.items():
        accounts[platform] = OTHER[platform] | place.addresses(platform)
        for name in ("client_id", "client_secret", "refresh_token"):
            accounts[platform][name] = secret(getattr(known, f"{vendor}_{name}"))
    accounts["linkedin"]["base_url"] = f"{place.url}/linkedin"
    accounts["microsoft_ads"] |= {
        "base_url": f"{place.url}/microsoft",
        "developer_token": secret(known.microsoft_developer_token),
    }
    told = {name: account | {"identifiers": ["email"]} for name, account in accounts.items()}
    del told["microsoft_ads"]["identifiers"]
    return {
        "start": floor_hour(now - timedelta(days=2)).isoformat(),
        "upload_mode": "live",
        "database": {"url": "env:T_DATABASE"},
        "billing": {},
        "platforms": {name: {"main": account} for name, account in told.items()},
        "actions": {
            "purchase": {
                "kinds": ["first_payment"],
                "targets": {name: {"main": target} for name, target in TARGETS.items()},
            }
        },
    }


def over_tls(stage: Stage) -> Company:
    """The company, with addresses that promise TLS where none is spoken."""
    plain = stage.place.url.removeprefix("http://")

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: changed(inner) for name, inner in value.items()}
        return (
            value.replace("http://", "https://").replace(stage.rpc, plain)
            if isinstance(value, str)
            else value
        )

    settings = stage.company.settings
    changed_settings = type(settings).model_validate(changed(settings.model_dump()))
    return replace(stage.company, settings=changed_settings)


def tables(stage: Stage) -> dict[str, str]:
    """Every table of the product's database, as text."""
    with stage.place.engine.connect() as connection:
        names = connection.scalars(
            text("select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")
        ).all()
        return {
            name: str(connection.execute(text(f'select t::text from "{name}" as t')).all()) for name in names
        }


def files(folder: Path) -> dict[str, str]:
    """Every file under a folder; databases table by table."""
    found: dict[str, str] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        found[str(path)] = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".db":
            with sqlite3.connect(path) as connection:
                names = [
                    row[0] for row in connection.execute("select name from sqlite_master where type='table'")
                ]
                for name in names:
                    found[f"{path}:{name}"] = str(connection.execute(f'select * from "{name}"').fetchall())
    return found


def assert_silent(where: Mapping[str, str], *words: Sequence[str]) -> None:
    told = [(place, word) for place, said in where.items() for each in words for word in each if word in said]
    assert told == []


def test_no_way_to_fail_tells_a_secret_or_a_person(
    stage: Stage, instance: dg.DagsterInstance, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: set[str] = set()
    stage.company.pay(**{f"paid{number}": len(WAYS) + 1 - number for number in range(len(WAYS))})
    for number, (way, break_it) in enumerate(WAYS.items()):
        break_it(stage)
        before = Counter(stage.place.vendors.books.requests["count"])
        company = over_tls(stage) if way == TLS else stage.company
        company.upload(instance, *ALL, hours_ago=len(WAYS) + 1 - number)
        asked = Counter(stage.place.vendors.books.requests["count"]) - before
        assert way == TLS or {name.split()[0] for name in asked} >= set(SENDERS), way
        seen.update(stage.secrets())
        stage.place.vendors.faults.clear()
        with stage.place.engine.begin() as connection:
            connection.execute(text("truncate delivery_pace, delivery_breaker"))
            connection.execute(text("update conversion set not_before = now() where state = 'planned'"))
    states = {row[2] for row in stage.company.states()}
    assert {"held", "unknown"} <= states, "the ways to fail did fail"

    secrets = sorted(seen)
    commands = (("status", "--json"), ("dead-letters", "--held"), ("credentials",), ("check",))
    printed = {" ".join(command): "".join(stage.desk.run(*command)[1:]) for command in commands}
    dagster = files(tmp_path / "dagster")
    assert any("uploads" in said for said in dagster.values())
    said = capfd.readouterr()
    assert_silent(dagster, secrets, PEOPLE)
    assert_silent(printed, secrets, PEOPLE)
    assert_silent({"loggers": caplog.text, "out": said.out, "err": said.err}, secrets, PEOPLE)
    books = tables(stage)
    assert_silent(books, secrets)
    own = {name: said for name, said in books.items() if name.partition("_y20")[0] not in SENT_BY_DESIGN}
    assert any(name.startswith("delivery_attempt") for name in own)
    assert_silent(own, PEOPLE)
