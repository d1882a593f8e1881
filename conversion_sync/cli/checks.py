"""The checks behind `conversion-sync check`, in the order in which one depends on the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from conversion_sync.errors import ConfigurationError, ConversionSyncError
from conversion_sync.model.expiry import Notice, Urgency, notice
from conversion_sync.model.windows import HOUR, Window, floor_hour

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from conversion_sync.billing.provider import BillingProvider
    from conversion_sync.clicks.source import ClickSource
    from conversion_sync.config.settings import Settings
    from conversion_sync.pipeline.history import History
    from conversion_sync.platforms.platform import Platform
    from conversion_sync.platforms.registry import TokensOf

Level = Literal["ok", "warn", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding: about what, how bad, in words, and what to do."""

    level: Level
    what: str
    detail: str
    remedy: str = ""


def checks(settings: Settings) -> Iterator[Line]:
    """Every check, offline ones first; asks vendors for as little as possible and changes nothing there."""
    yield from configuration(settings)
    books = attempt("database", lambda: database(settings))
    yield books
    recent = Window(floor_hour(datetime.now(UTC)) - HOUR, floor_hour(datetime.now(UTC)))
    yield from click_tables(settings, recent)
    yield from billing(settings, recent)
    if books.level != "error":
        yield from pasts(settings)
    yield from accounts(settings, datetime.now(UTC), readable=books.level != "error")


def configuration(settings: Settings) -> Iterator[Line]:
    """What can be seen without asking anybody. A file with a mistake does not get this far."""
    mode = settings.upload_mode.value
    yield Line(level="ok", what="configuration", detail=f"valid; start {settings.start:%Y-%m-%d %H:%M} UTC")
    if mode != "live":
        yield Line(
            level="warn",
            what="upload_mode",
            detail=f"{mode}: nothing is sent.",
            remedy="Set upload_mode: live once the planned rows look right.",
        )
    if not settings.billing.items():
        yield Line(
            level="error",
            what="billing",
            detail="no billing account: there are no payments to report.",
            remedy="Add one under `billing`, for example `billing.stripe.main`.",
        )
    if not settings.accounts():
        yield Line(
            level="error",
            what="platforms",
            detail="no ad account: nothing can be sent.",
            remedy="Add one under `platforms`.",
        )
    yield from webhooks(settings)
    yield from collector(settings)
    for platform, account in settings.accounts():
        if not any(account in action.targets[platform] for action in settings.actions.values()):
            yield Line(
                level="warn",
                what=f"{platform}:{account}",
                detail="no action has a target here: every payment will say not_mapped.",
                remedy=f"Name it under `actions.<action>.targets.{platform}`.",
            )


def webhooks(settings: Settings) -> Iterator[Line]:
    """Which billing accounts the receiver takes webhooks of, and which secrets cannot be one."""
    from conversion_sync.billing.webhooks import webhook_facts

    for provider, account, part in settings.billing.items():
        what, facts = f"webhooks.{provider}.{account}", webhook_facts(provider)
        key = f"`billing.{provider}.{account}.webhook_secrets`"
        secrets = [secret.get_secret_value() for secret in part.webhook_secrets]
        if not all(secret.strip() and secret.startswith(facts.secret_prefix) for secret in secrets):
            yield Line(
                level="error",
                what=what,
                detail=f"a signing secret is empty, or does not begin with {facts.secret_prefix}: "
                "no webhook would be taken for genuine.",
                remedy=f"Name the signing secret of the webhook itself in {key}, not an API key.",
            )
        elif secrets:
            yield Line(level="ok", what=what, detail=f"taken at /webhooks/{provider}/{account}")
        elif facts.alone:
            yield Line(
                level="warn",
                what=what,
                detail=f"no signing secret: {facts.alone} comes in webhooks alone, and none is taken.",
                remedy=f"Add the webhook at the provider and name its secret in {key}.",
            )


def collector(settings: Settings) -> Iterator[Line]:
    """Whose browsers may tell of clicks."""
    chosen = settings.receiver.collector
    if chosen is None:
        return
    if chosen.origins:
        detail = f"clicks are taken at /v1/click from {', '.join(chosen.origins)}"
        yield Line(level="ok", what="receiver.collector", detail=detail)
    else:
        yield Line(
            level="warn",
            what="receiver.collector",
            detail="no origin is named: clicks are taken from nobody.",
            remedy="Name the sites that include /snippet.js in `receiver.collector.origins`.",
        )


def attempt(what: str, look: Callable[[], str]) -> Line:
    """The line of a check that says what it found, or raises one of the family."""
    try:
        return Line(level="ok", what=what, detail=look())
    except ConversionSyncError as error:
        return Line(level="error", what=what, detail=error.message, remedy=error.remedy)


def database(settings: Settings) -> str:
    """Whether it can be used, and whether its schema is this release's. Raises ConfigurationError."""
    from conversion_sync.store.embedded import EmbeddedServer
    from conversion_sync.store.engine import connect, probe

    if settings.database.url is None:
        with EmbeddedServer(settings.home) as server:
            engine = connect(server.url("postgres"))
            version = probe(engine)
            engine.dispose()
        return f"embedded PostgreSQL {version} under {settings.home}"
    engine = connect(settings.database.url.get_secret_value())
    try:
        version = probe(engine)
        missing = missing_migrations(engine)
    finally:
        engine.dispose()
    behind = f"; {len(missing)} migrations come with the next command" if missing else ", schema up to date"
    return f"PostgreSQL {version}{behind}"


def missing_migrations(engine: Engine) -> list[str]:
    """The files of sql/schema this database has not seen, oldest first."""
    from sqlalchemy import inspect

    from conversion_sync.store.queries import query, sql_folder

    wanted = sorted(file.stem for file in (sql_folder() / "schema").glob("*.sql"))
    if not inspect(engine).has_table("_yoyo_migration"):
        return wanted
    with engine.connect() as connection:
        applied = set(connection.scalars(query("reports/migrations_applied")))
    return [name for name in wanted if name not in applied]


def click_tables(settings: Settings, recent: Window) -> Iterator[Line]:
    """Reads the last hour's first page of each click table: it is there, with every mapped column."""
    from conversion_sync.clicks.registry import sources
    from conversion_sync.platforms.identifiers import email_hash

    for name, build in sorted(sources(settings, hash_email=email_hash).items()):

        def look(build: Callable[[], ClickSource] = build) -> str:
            source = build()
            try:
                page = next(iter(source.read(recent)), None)
            finally:
                source.close()
            rows = page.rows if page else 0
            return f"readable, {rows} rows in the last hour"

        yield attempt(f"clicks.{name}", look)
    if not settings.clicks and settings.receiver.collector is None:
        yield Line(
            level="warn",
            what="clicks",
            detail="no click table is mapped: no payment can be attributed.",
            remedy="Map your click table under `clicks`, or let browsers tell (`receiver.collector`).",
        )


def billing(settings: Settings, recent: Window) -> Iterator[Line]:
    """Asks each billing account for one page of the last hour: the key works."""
    from conversion_sync.billing.registry import providers

    for (provider, account), build in sorted(providers(settings).items()):

        def look(build: Callable[[], BillingProvider] = build) -> str:
            vendor = build()
            try:
                page = next(iter(vendor.pull(recent)), ())
            finally:
                vendor.close()
            return f"the key works, {len(page)} events in the last hour"

        yield attempt(f"billing.{provider}.{account}", look)


def pasts(settings: Settings) -> Iterator[Line]:
    """How far each billing account's past has been read: nothing of it is uploaded before all of it is."""
    from conversion_sync.pipeline.history import histories

    known: dict[tuple[str, str], History] = {}
    # Without tables nothing was read.
    with suppress(ConfigurationError), existing_tables(settings) as engine:
        known = {(each.provider, each.account): each for each in histories(engine)}
    for provider, account, _ in settings.billing.items():
        yield past(f"billing.{provider}.{account} history", known.get((provider, account)))


def past(what: str, history: History | None) -> Line:
    """The line of one account's past."""
    if history is not None and history.complete:
        return Line(level="ok", what=what, detail=f"read from {history.read_from:%Y-%m-%d} on")
    detail = "not read yet: nothing of the account is uploaded before it is."
    if history is not None:
        whole, done = history.wanted_until - history.read_from, history.read_until - history.read_from
        detail = f"read to {history.read_until:%Y-%m-%d} ({done / whole:.0%}): uploads wait for the rest."
    return Line(
        level="warn",
        what=what,
        detail=detail,
        remedy="Run conversion-sync sync, or wait for the hourly run: it goes on where the last one was.",
    )


def accounts(settings: Settings, now: datetime, *, readable: bool) -> Iterator[Line]:
    """Each ad account, but for those whose tokens are in a database that is not `readable`, or sealed."""
    from conversion_sync.credentials.source import keys_of, needs_store, stored_tokens
    from conversion_sync.pipeline.context import utc_now
    from conversion_sync.platforms.registry import fixed_tokens

    kept = {
        (platform, name) for platform, name, one in settings.platforms.items() if needs_store(platform, one)
    }
    with ExitStack() as stack:
        tokens: TokensOf = fixed_tokens
        books: Engine | None = None
        try:
            keys = keys_of(settings)
            if keys is not None and readable:
                books = stack.enter_context(existing_tables(settings))
                tokens = stored_tokens(keys, books, utc_now)
        except ConversionSyncError as error:
            yield Line(level="error", what="tokens", detail=error.message, remedy=error.remedy)
        yield from platforms(settings, now, tokens, kept if tokens is fixed_tokens else set())
        if books is not None:
            yield from consents(settings, books, now)


def consents(settings: Settings, engine: Engine, now: datetime) -> Iterator[Line]:
    """What ends of the accounts' stored tokens, where that is soon."""
    from conversion_sync.credentials.forecast import endings
    from conversion_sync.platforms.registry import catalogues

    facts = catalogues(settings)
    for platform, name, account in settings.platforms.items():
        _, *ends = endings(engine, facts[platform, name], (platform, name), account, now)
        lines = (ending(f"{platform}:{name}", each) for each in ends)
        yield from (line for line in lines if line.level != "ok")


@contextmanager
def existing_tables(settings: Settings) -> Iterator[Engine]:
    """The database, where it has tables. Raises ConfigurationError when it has none yet."""
    from sqlalchemy import inspect

    from conversion_sync.store.engine import connect, probe
    from conversion_sync.store.open import open_database

    if settings.database.url is None:
        with open_database(settings) as database:
            yield database.engine
        return
    engine = connect(settings.database.url.get_secret_value())
    try:
        probe(engine)
        if not inspect(engine).has_table("credential"):
            raise ConfigurationError(
                "The database has no tables yet.",
                remedy="Run: conversion-sync migrate, then check again.",
            )
        yield engine
    finally:
        engine.dispose()


def platforms(
    settings: Settings, now: datetime, tokens: TokensOf, unread: Collection[tuple[str, str]] = ()
) -> Iterator[Line]:
    """Each account: the version is not about to end, the credential gets in, the targets are right.

    Those whose tokens are `unread` are not asked.
    """
    from conversion_sync.pipeline.deliver import targets
    from conversion_sync.platforms.catalogue import version_expiry
    from conversion_sync.platforms.registry import catalogues, factories

    build = factories(settings, tokens)
    for (platform, account), facts in sorted(catalogues(settings).items()):
        what = f"{platform}:{account}"
        version = ending(what, notice(version_expiry(facts), now))
        if (platform, account) in unread:
            lines = [
                Line(
                    level="warn",
                    what=what,
                    detail="not asked: its tokens cannot be read.",
                    remedy="Mend what is told above, then check again.",
                )
            ]
        else:
            lines = list(preflight(what, build[platform, account], targets(settings, platform, account)))
        if version.level == "ok" and all(line.level == "ok" for line in lines):
            yield from (replace(line, detail=f"{line.detail}; {version.detail}") for line in lines)
        else:
            yield from (line for line in (version, *lines) if line.level != "ok")


def preflight(
    what: str, build: Callable[[], Platform], targets: Mapping[str, Mapping[str, str]]
) -> Iterator[Line]:
    """What one account says of itself, without anything being sent."""
    try:
        platform = build()
    except ConversionSyncError as error:
        yield Line(level="error", what=what, detail=error.message, remedy=error.remedy)
        return
    try:
        found = platform.preflight(targets)
    finally:
        platform.close()
    for finding in found.findings:
        level: Level = "error" if finding.blocking else "warn"
        yield Line(level=level, what=what, detail=finding.text, remedy=finding.remedy)
    if not found.findings:
        yield Line(level="ok", what=what, detail=found.said)


def ending(what: str, end: Notice) -> Line:
    """The line of something that ends."""
    levels: Mapping[Urgency, Level] = {Urgency.LASTS: "ok", Urgency.SOON: "warn", Urgency.NOW: "error"}
    return Line(level=levels[end.urgency], what=what, detail=end.text, remedy=end.remedy)
