"""The demo's last page, for a person who has never seen the product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from conversion_sync.cli.demo_report import DemoSummary, Earned
from conversion_sync.cli.output import amount, count, moneys, table, when
from conversion_sync.reports.credit import NOBODY

if TYPE_CHECKING:
    from rich.console import Console

PLATFORMS = {
    "google_ads": "Google Ads",
    "meta": "Meta",
    "tiktok": "TikTok",
    "linkedin": "LinkedIn",
    "microsoft_ads": "Microsoft",
}


def show(out: Console, found: DemoSummary) -> None:
    """Prints the summary."""
    from rich.markup import escape

    out.print()
    out.rule(f"{when(found.start)} to {when(found.end)} UTC", align="left")
    read = found.read
    out.print(
        f"Read: {count(read.raw_events, 'billing event')}, {count(read.clicks, 'visit')} "
        f"({count(read.ad_clicks, 'ad click')}); put aside: "
        f"{count(read.quarantined_clicks, 'unusable visit')}, {count(read.parked_records, 'billing record')}."
    )
    out.print(_events(found))
    out.print(_delivered(found))
    out.print(_not_sent(found))
    if found.earned:
        out.print(_earned(found))
    for line in _agreements(found):
        out.print(line)
    for failure in found.failures:
        out.print(f"[red]✗[/red] failed     {escape(failure)}")
    out.print()
    out.print(_verdict(found))
    out.print()
    out.print("Look at one conversion:   conversion-sync --demo explain " + (found.example or "ID")[:12])
    out.print("All of them:              conversion-sync --demo ledger --format csv")
    out.print("Open the UI:              make ui")


def name(platform: str) -> str:
    """What people call a platform."""
    return PLATFORMS.get(platform, platform.replace("_", " ").capitalize())


def _events(found: DemoSummary) -> object:
    return table(
        "What billing said",
        ("event", "#count", "net"),
        ((line.name, line.entries, moneys(line.net)) for line in found.by_kind()),
    )


def _delivered(found: DemoSummary) -> object:
    return table(
        "What each platform got",
        ("ad account", "#conversions", "#corrections", "value"),
        (
            (
                f"{name(line.platform)} {line.account}",
                line.ours.conversions,
                line.corrections,
                moneys(line.ours.value),
            )
            for line in found.accounts
        ),
    )


def _not_sent(found: DemoSummary) -> object:
    platforms = [line.platform for line in found.accounts]
    return table(
        "What was not sent, and why",
        ("reason", *(f"#{name(platform)}" for platform in platforms), "in words"),
        (
            (
                line.reason if line.state == "skipped" else f"{line.reason} ({line.state})",
                *(line.rows.get(platform, 0) for platform in platforms),
                line.sentence,
            )
            for line in found.not_sent
        ),
    )


def _earned(found: DemoSummary) -> object:
    currency, models = found.earned[0].currency, list(found.earned[0].by_model)
    return table(
        f"Which clicks earned the payments in {currency}, by credit model",
        ("clicks of", *(f"#{model.replace('_', ' ')}" for model in models)),
        (
            (
                "(nobody's)" if line.network == NOBODY else line.network,
                *(plain(line, model) for model in models),
            )
            for line in found.earned
        ),
    )


def plain(line: Earned, model: str) -> str:
    """An amount without its currency, which the head names."""
    return moneys({line.currency: line.by_model[model]}).removesuffix(f" {line.currency}")


def _agreements(found: DemoSummary) -> Iterator[str]:
    yield "[bold]Does it agree, to the cent?[/bold]"
    yield _line(
        found.truth == found.billed,
        "billing",
        f"our events = what really happened: {_minor(found, found.billed)}",
        f"our events {_minor(found, found.billed)}, what really happened {_minor(found, found.truth)}",
    )
    for account in found.accounts:
        ours, theirs = account.ours, account.platforms_own
        held = f"{count(ours.conversions, 'conversion')}, {moneys(ours.value)}"
        yield _line(
            account.agree,
            name(account.platform),
            f"our ledger = the platform's own books: {held}",
            f"our ledger {held}; its own books {theirs.conversions:,}, {moneys(theirs.value)}",
        )
    broken = [line for line in found.reconciliation if line.residual_minor]
    yield _line(
        not broken,
        "sums",
        "billing = what platforms hold + value rules + what the reasons explain, on every account",
        ", ".join(
            f"{name(line.platform)} is off by {amount(line.residual_minor, line.exponent, line.currency)}"
            for line in broken
        ),
    )
    for law in found.laws:
        yield _line(not law.broken, "law", law.law, f"{law.law}: {law.detail}")
    yield _line(
        not found.received_twice,
        "once",
        "no platform received any conversion twice",
        f"{count(found.received_twice, 'conversion')} arrived more than once",
    )


def _line(holds: bool, what: str, fine: str, wrong: str) -> str:
    mark = "[green]✓[/green]" if holds else "[red]✗[/red]"
    return f"{mark} {what:<11}{fine if holds else wrong}"


def _verdict(found: DemoSummary) -> str:
    if not found.agrees:
        return "[red bold]Something does not agree: see ✗ above.[/red bold]"
    if found.is_new:
        sent = count(found.sent_now, "row")
        return f"[bold]{sent} sent, {found.seconds:.0f} seconds in all. Everything agrees.[/bold]"
    if found.sent_now:
        return (
            "[bold]The same world as before: nothing was sent again. "
            f"{count(found.sent_now, 'row')} that had to wait left for the first time. "
            "Everything agrees.[/bold]"
        )
    return "[bold]The same world as before: nothing was sent again. Everything agrees.[/bold]"


def _minor(found: DemoSummary, sums: Mapping[str, int]) -> str:
    exponents = {line.currency: line.exponent for line in found.events}
    return " + ".join(amount(minor, exponents.get(currency, 2), currency) for currency, minor in sums.items())
