"""Kills the uploader at seeded points on every platform and prints what became of the rows.

Ends with 1 if a kill did what none may. `make reliability` also writes the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.__main__ import machine
from tests.contract.platforms.cases import CASES
from tests.reliability.matrix import Found
from tests.reliability.places import database_server, try_platforms
from tests.reliability.table import rewrite, table

NAMES = tuple(case.id for case in CASES)


def main() -> None:
    """Tries every platform, some of them at once."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--points", type=int, default=40, help="of each platform")
    parser.add_argument("--one-play", action="store_true", help="of each point, copies counted by turns")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=NAMES, nargs="*", default=NAMES, metavar="PLATFORM")
    parser.add_argument(
        "--server", help="a PostgreSQL to use instead of one of its own: its database `postgres`"
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument("--write", type=Path, help="a page to write the table into")
    options = parser.parse_args()
    began = datetime.now(UTC)
    with database_server(options.server) as server:
        work = partial(
            try_platforms,
            server=server,
            seed=options.seed,
            count=options.points,
            one_play=options.one_play,
        )
        if options.workers == 1:
            results = work(options.only)
        else:
            with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as pool:
                results = [one for some in pool.map(work, [[name] for name in options.only]) for one in some]
        headline = told(server, options.seed, options.points, results, began)
    text = table(results, headline)
    if options.write:
        rewrite(options.write, text)
    shown = json.dumps([asdict(one) for one in results]) if options.json else text
    sys.stdout.write(f"{shown}\n")
    if any(each.wrong for one in results for each in one.judged):
        sys.exit(1)


def told(server: str, seed: int, count: int, results: list[Found], began: datetime) -> str:
    """What was run, where and when."""
    with psycopg.connect(server) as connection:
        version = connection.info.server_version // 10000
    kills = sum(each.kills for one in results for each in one.judged)
    points = len({(one.case, each.point) for one in results for each in one.judged})
    minutes = (datetime.now(UTC) - began).total_seconds() / 60
    return (
        f"{points} points, {kills} kills, seed {seed}, {count} points a platform; {machine()},"
        f" PostgreSQL {version}; {began:%Y-%m-%d}, {minutes:.0f} minutes."
    )


if __name__ == "__main__":
    main()
