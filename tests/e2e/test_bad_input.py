"""Bad input ends in one clear message with its remedy; no row is lost, left half-written or sent twice."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest

from conversion_sync.model.windows import Window
from conversion_sync.reports.laws import conservation
from conversion_sync.store.embedded import EmbeddedServer
from tests.e2e.business import (
    DATABASE,
    LOOK,
    SIZE,
    Business,
    Said,
    business,
    days_ago,
    heading,
    meant,
    received,
)
from tests.e2e.world import EMPTY, World, fresh_database, living, tables

pytestmark = pytest.mark.slow

WRONG_KEY = "sk_test_wrong0123456789"
DOWN = "postgresql://cs:hidden-password@127.0.0.1:1/books"


@pytest.fixture(scope="module")
def world(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Each test takes a day of its own, so that one's conversions are not in another's books."""
    with living(tmp_path_factory.mktemp("bad_input"), server, *SIZE) as world:
        yield world


@pytest.fixture
def mine(world: World, server: EmbeddedServer) -> Iterator[Business]:
    with business(world, server) as made:
        yield made


def assert_mended(mine: Business, server: EmbeddedServer, window: Window) -> None:
    """The same command goes through: what an undisturbed sync sends is settled and was received once.

    Another test's day may tell of the same conversion, so only what is new in the platforms' books counts.
    """
    before = received(mine.world)
    said = mine.sync(window)
    assert (said.code, said.out) == (0, heading(window, "✓"))
    rows = meant(mine.world, server, window).values()
    wanted = {row: vendor for platform in rows for row, vendor in platform.items()}
    assert len(wanted) > 10
    assert mine.states() == dict.fromkeys(wanted, "settled")
    assert received(mine.world) - before == Counter(wanted.values())
    assert conservation(mine.engine) == 0


def no_configuration(mine: Business) -> tuple[Said, Said, str, str]:
    missing = mine.file.with_name("nothing.yaml")
    return (
        mine.run_on(missing, "sync"),
        mine.run_on(missing, "check"),
        f"There is no configuration: {missing} does not exist.",
        (
            "Copy conversion-sync.example.yaml to conversion_sync.yaml and fill it in, or name your file "
            "with CONVERSION_SYNC_CONFIG."
        ),
    )


def a_wrong_key(mine: Business) -> tuple[Said, Said, str, str]:
    wrong = mine.changed(lambda content: content.update(schedule={"catchup_hours": 5}))
    return (
        wrong.run("sync"),
        wrong.run("check"),
        f"{mine.file.name}: schedule.catchup_hours: Unknown key.",
        "Did you mean catch_up_hours?",
    )


def a_missing_variable(mine: Business) -> tuple[Said, Said, str, str]:
    kept = {name: value for name, value in mine.secrets.items() if name != "CS_DEMO_META_ACCESS_TOKEN"}
    wrong = replace(mine, secrets=kept)
    return (
        wrong.run("sync"),
        wrong.run("check"),
        (
            f"{mine.file.name}: environment: These variables are not set: CS_DEMO_META_ACCESS_TOKEN "
            "(needed by platforms.meta.main.access_token)."
        ),
        "Set CS_DEMO_META_ACCESS_TOKEN in the environment, then run again.",
    )


@pytest.mark.parametrize("mistake", [no_configuration, a_wrong_key, a_missing_variable])
def test_a_wrong_configuration_is_one_message_and_touches_nothing(
    mine: Business, mistake: Callable[[Business], tuple[Said, Said, str, str]]
) -> None:
    before, asked = tables(mine.engine, {}), mine.world.ask("/requests")
    synced, checked, message, remedy = mistake(mine)
    assert synced == Said(2, "", f"Error: {message}\nRemedy: {remedy}\n")
    assert checked == synced
    assert tables(mine.engine, {}) == before
    assert mine.world.ask("/requests") == asked


def test_a_database_that_is_down_is_one_message(mine: Business) -> None:
    wrong, asked = mine.changed(**{DATABASE: DOWN}), mine.world.ask("/requests")
    message = (
        "The database 127.0.0.1/books cannot be used: connection failed: connection to server at "
        '"127.0.0.1", port 1 failed: Connection refused.'
    )
    remedy = "Start it, or correct `database.url`, then run again; nothing was written."
    assert wrong.run("sync") == Said(2, "", f"Error: {message}\nRemedy: {remedy}\n")
    assert mine.world.ask("/requests") == asked
    assert wrong.errors() == [(f"database {message}", remedy)]


def test_a_home_folder_that_cannot_be_used_is_one_message(mine: Business) -> None:
    home = mine.file.with_name("a_file")
    home.write_text("")
    before = tables(mine.engine, {})
    message = f"The home folder {home} cannot be used: Not a directory."
    remedy = "Let this user write there, or name another folder as `home`."
    wrong = mine.changed(lambda content: content.update(home=str(home)))
    assert wrong.sync(days_ago(mine.world, 5)) == Said(2, "", f"Error: {message}\nRemedy: {remedy}\n")
    assert tables(mine.engine, {}) == before


def test_a_database_user_without_the_rights_is_told_what_to_grant(
    mine: Business, server: EmbeddedServer
) -> None:
    user = f"cs_{uuid.uuid4().hex[:8]}"
    with (
        fresh_database(server, EMPTY) as url,
        psycopg.connect(server.url("postgres"), autocommit=True) as admin,
        psycopg.connect(url, autocommit=True) as there,
    ):
        admin.execute(f"create role {user} login")
        try:
            name = url.split("?")[0].rpartition("/")[2]
            poor = mine.changed(**{DATABASE: url.replace("postgres@", f"{user}@")})
            assert poor.run("migrate") == Said(
                2,
                "",
                f"Error: The user {user} of `database.url` may not make tables in the database {name}.\n"
                f"Remedy: Run there: grant create on schema public to {user}; then run again.\n",
            )
            assert there.execute("select 1 from pg_tables where schemaname = 'public'").fetchall() == []
            there.execute(f"grant create on schema public to {user}")
            dagster = poor.content["database"]["dagster_database"]
            assert poor.run("migrate") == Said(
                2,
                "",
                f"Error: The user {user} of `database.url` may not make the database {dagster} for Dagster.\n"
                f"Remedy: Run in that server: create database {dagster} owner {user}; then run again.\n",
            )
            admin.execute(f"create database {dagster} owner {user}")
            assert poor.run("migrate") == Said(0, "The database has this release's schema.\n", "")
        finally:
            there.execute(f"drop owned by {user}")
            admin.execute(f"drop database if exists {poor.content['database']['dagster_database']}")
            admin.execute(f"drop role {user}")


def test_a_wrong_stripe_key_fails_the_hour_and_the_next_sync_completes_it(
    mine: Business, server: EmbeddedServer
) -> None:
    window = days_ago(mine.world, 2)
    wrong = mine.changed(CS_DEMO_STRIPE_KEY=WRONG_KEY)
    message = "Stripe (main) refused the key (401)."
    remedy = (
        "Put a valid key in `billing.stripe.main.api_key`; it must be allowed to read events, invoices and "
        "what is listed in docs/billing.md."
    )
    assert wrong.errors() == [(f"billing.stripe.main {message}", remedy)]
    asked = mine.world.requests()
    said = wrong.sync(window)
    assert (said.code, said.out) == (
        1,
        heading(window, "✗") + f"    billing_events: {message} Remedy: {remedy}\n" + LOOK,
    )
    assert {name: mine.count(name) for name in ("raw_event", "revenue_event", "conversion")} == {
        "raw_event": 0,
        "revenue_event": 0,
        "conversion": 0,
    }
    assert mine.world.requests() == asked
    assert_mended(mine, server, window)


def test_a_click_table_without_a_mapped_column_fails_the_hour_and_the_next_sync_completes_it(
    mine: Business, server: EmbeddedServer
) -> None:
    window = days_ago(mine.world, 3)
    wrong = mine.changed(lambda content: content["clicks"]["web"]["columns"].update(gclid="google_click"))
    message = "clicks.web.columns.gclid: marketing.ad_clicks has no column google_click."
    remedy = (
        "Use one of: id, ts, written_at, anon_id, user_id, gclid, gbraid, wbraid, fbclid, ttclid, "
        "li_fat_id, msclkid, rdt_cid, utm_source, utm_campaign, page_url, referrer, ua, ip, "
        "consent_ad_user_data, consent_ad_personalization."
    )
    assert wrong.errors() == [(f"clicks.web {message}", remedy)]
    asked = mine.world.requests()
    said = wrong.sync(window)
    assert (said.code, said.out) == (
        1,
        heading(window, "✗") + f"    clicks: {message} Remedy: {remedy}\n" + LOOK,
    )
    assert (mine.count("click"), mine.count("conversion")) == (0, 0)
    assert mine.world.requests() == asked
    assert_mended(mine, server, window)


READ_ONLY = """
create function refuse() returns trigger language plpgsql as $$ begin
    raise exception using errcode = 'insufficient_privilege', detail = 'about ' || new.conversion_id,
        message = 'permission denied for table delivery_attempt';
end $$;
create trigger refuse before insert on delivery_attempt
    for each row when (new.phase = 'intent') execute function refuse();
"""


def test_a_database_that_takes_no_intent_lets_nothing_leave(mine: Business, server: EmbeddedServer) -> None:
    window, asked = days_ago(mine.world, 4), mine.world.requests()
    with mine.engine.begin() as connection:
        connection.exec_driver_sql(READ_ONLY)
    said = mine.sync(window)
    told = (
        "The database refuses this user something: permission denied for table delivery_attempt. "
        "Remedy: Grant it to the user of `database.url`, see docs/configuration.md; then run again."
    )
    accounts = sorted(meant(mine.world, server, window))
    lines = "".join(f"    {name}_main_uploads: {told}\n" for name in accounts)
    assert (said.code, said.out) == (1, heading(window, "✗") + lines + LOOK)
    assert set(mine.states().values()) == {"planned"}
    assert mine.count("delivery_attempt") == 0
    assert mine.world.requests() == asked
    with mine.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger refuse on delivery_attempt")
    assert_mended(mine, server, window)
