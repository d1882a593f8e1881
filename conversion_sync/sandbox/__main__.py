"""`python -m conversion_sync.sandbox`: the vendors, simulated, until told to stop."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from conversion_sync.sandbox.business import HISTORY_DAYS
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.folder import World, remembered
from conversion_sync.sandbox.server import Manner, serve


def arguments() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="conversion-sync sandbox", description=__doc__)
    parser.add_argument(
        "--dir", type=Path, required=True, help="where its world, books and endpoints.json live"
    )
    parser.add_argument("--database-url", help="a PostgreSQL database for the company's click table")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument(
        "--history-days",
        type=int,
        default=HISTORY_DAYS,
        help="how long before that the oldest customers came",
    )
    parser.add_argument(
        "--end", type=datetime.fromisoformat, help="end of the world, ISO; default: this hour"
    )
    parser.add_argument("--settle-seconds", type=float, default=0.0, help="how long Google takes to confirm")
    parser.add_argument(
        "--event-retention-days", type=int, default=30, help="0 keeps Stripe's events for ever"
    )
    parser.add_argument(
        "--event-late-seconds", type=float, default=0.0, help="how late some of Stripe's events are listed"
    )
    parser.add_argument(
        "--rate-limits",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="whether billing systems mind how often they are asked",
    )
    parser.add_argument("--faults", type=Path, help="a JSON list of rules, see faults.py")
    parser.add_argument(
        "--write-clicks",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fill the click table if it is empty",
    )
    parser.add_argument("--with-parent", type=int, help="stop when this process is gone")
    return parser.parse_args()


def main() -> None:
    """Runs the sandbox."""
    options = arguments()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    end = options.end or hour
    wanted = World(
        seed=options.seed,
        customers=options.customers,
        days=options.days,
        history_days=options.history_days,
        end=end if end.tzinfo else end.replace(tzinfo=UTC),
    )
    plan = json.loads(options.faults.read_text()) if options.faults else []
    manner = Manner(
        settle_seconds=options.settle_seconds,
        event_retention_days=options.event_retention_days,
        event_late_seconds=options.event_late_seconds,
        rate_limits=options.rate_limits,
        faults=Faults.from_json(plan),
        clicks_url=options.database_url if options.write_clicks else None,
        parent=options.with_parent,
    )
    serve(options.dir, remembered(options.dir, wanted), manner)


if __name__ == "__main__":
    main()
