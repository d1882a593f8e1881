"""`conversion-sync explain`: why one conversion is where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.options import Json, database_of
from conversion_sync.cli.output import amount, console, count, print_json, when

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from conversion_sync.reports.explain import Entry, Explanation, Facts

WIDEST = 1000
"""Columns of a line in a file or a pipe; nothing of it is cut off."""
CHOSEN_BY = {"source": "click_source", "click_ref": "click_ref", "click_id_kind": "click_id_kind"}
"""What a touch and the row it is sent for have in common; a visit may touch several networks."""


def explain(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="ID", help="A conversion, a vendor's id, an event, or in_…, re_…, sub_….")
    ],
    json: Json = False,
) -> None:
    """Say why a conversion is where it is: billing facts, identity, path, plan and attempts."""
    from conversion_sync.reports.explain import explain as read

    with database_of(ctx) as database:
        found = read(database.engine, name)
    if json:
        print_json(found)
        return
    out = console(width=WIDEST)
    for explanation in found:
        _show(out, explanation)


def _show(out: Console, found: Explanation) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    facts = found.billing
    tree = Tree(f"[bold]{escape(str(facts['event_key']))}[/bold]")
    _billing(tree.add("billing"), facts)
    identity = tree.add("customer")
    _identity(identity, found)
    path = tree.add("path")
    _path(path, found)
    for entry in found.entries:
        _entry(tree.add(_headline(entry)), entry)
    out.print(tree)


def _billing(branch: Tree, facts: Facts) -> None:
    from rich.markup import escape

    if "kind" not in facts:
        branch.add("the event is gone")
        return
    branch.add(
        f"{facts['kind']} on {when(facts['occurred_at'])} UTC{'' if facts['livemode'] else ', test mode'}"
    )
    if facts["currency"]:
        unit = facts["exponent"], facts["currency"]
        branch.add(
            f"net {amount(facts['net_minor'], *unit)} + tax {amount(facts['tax_minor'], *unit)}"
            f" = {amount(facts['gross_minor'], *unit)}"
        )
    named = ("invoice_ref", "payment_ref", "subscription_ref", "source_event_id", "parent_event_key")
    branch.add(escape(", ".join(str(facts[name]) for name in named if facts[name])))
    if facts["retired_at"]:
        branch.add(f"billing took this fact back on {when(facts['retired_at'])} UTC")


def _identity(branch: Tree, found: Explanation) -> None:
    from rich.markup import escape

    branch.add(escape(str(found.billing.get("customer_key") or "the billing fact names no customer")))
    if not found.identity:
        branch.add("no visitor is known to be this customer")
    for merge in found.merged:
        branch.add(
            escape(
                f"customer {merge['customer_key']} became {merge['into_key']}: {merge['evidence']} of "
                f"{merge['source_ref']}, {when(merge['linked_at'])} UTC"
            )
        )
    for doubt in found.disputed:
        branch.add(
            escape(
                f"unclear: {doubt['of_end']} {doubt['of_id']} could be {doubt['candidate']} "
                f"({doubt['reason']}): {doubt['evidence']} of {doubt['source_ref']}, "
                f"{when(doubt['linked_at'])} UTC"
            )
        )
    for proof in found.identity:
        branch.add(
            escape(
                f"{proof['from_end']} {proof['from_id']} is {proof['to_end']} {proof['to_id']}: "
                f"{proof['evidence']} of {proof['source_ref']}, {when(proof['linked_at'])} UTC"
            )
        )


def _path(branch: Tree, found: Explanation) -> None:
    from rich.markup import escape

    if not found.path:
        branch.add("no visit before the event is known")
    for visit in found.path:
        chosen = [
            f"{entry.row['platform']}:{entry.row['account']}"
            for entry in found.entries
            if all(entry.row[theirs] == visit[ours] for ours, theirs in CHOSEN_BY.items())
        ]
        clicked = f" {visit['click_id_kind']} {visit['click_id']}" if visit["click_id"] else ""
        mark = f"  ← the click of {', '.join(sorted(set(chosen)))}" if chosen else ""
        branch.add(escape(f"{when(visit['touched_at'])} {visit['network']}{clicked}{mark}"))


def _headline(entry: Entry) -> str:
    from rich.markup import escape

    row = entry.row
    return escape(f"{row['platform']}:{row['account']} {row['kind']} {row['state']} ({row['reason']})")


def _entry(branch: Tree, entry: Entry) -> None:
    from rich.markup import escape

    row = entry.row
    branch.add(f"conversion {row['conversion_id']}, there called {escape(row['vendor_id'])}")
    branch.add(f"why: {escape(entry.sentence)} Remedy: {escape(entry.remedy)}")
    if row["value_minor"] is not None:
        value = amount(row["value_minor"], row["exponent"], row["currency"])
        branch.add(f"action {row['action']}, value {value}")
    if entry.window_start:
        branch.add(
            f"its clicks count from {when(entry.window_start)} UTC: {row['touches'] or 0} inside"
            + (f", the last before it {when(row['last_outside_at'])}" if row["last_outside_at"] else "")
        )
    if row["deadline"]:
        branch.add(f"may leave from {when(row['not_before'])} to {when(row['deadline'])} UTC")
    if row["request_ref"]:
        counts = ", ".join(f"{reason} {count(rows, 'row')}" for reason, rows in sorted(row["counts"].items()))
        answer = f": {row['answer']} for {count(row['asked_about'], 'row')}" if row["answer"] else ""
        following = f", next on {when(row['next_poll_at'])} UTC" if row["next_poll_at"] else ""
        branch.add(
            escape(
                f"request {row['request_ref']}, taken in {when(row['accepted_at'])} UTC, was asked after "
                f"{count(row['polls'], 'time')}{answer}{f' ({counts})' if counts else ''}{following}"
            )
        )
    for tried in entry.attempts:
        said = " ".join(str(tried[name]) for name in ("outcome", "code", "text") if tried[name])
        branch.add(escape(f"{when(tried['at'])} {tried['phase']} {said} (run {tried['run_id']})"))
    if not entry.attempts:
        branch.add("never sent")
