"""A play for each platform, killed at one point after the other, and what its books say afterwards.

The play: payments are delivered until nothing is due, refunds are told, and the refused row is replayed
by an operator once it is mended. A run that is killed must leave the books of one that is not.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import psycopg
from sqlalchemy import Engine

from conversion_sync.delivery.operate import Choice, Decided, Decision, Operator, decide
from conversion_sync.platforms.registry import catalogues
from conversion_sync.reports.status import check_laws
from tests.contract.platforms.cases import Case
from tests.reliability.points import How, Point, points
from tests.reliability.scene import Scene, Vendors, bad_row, database, refund, rows_of, scene
from tests.reliability.uploader import AFTER_INTENT, Job, Mark, Told, finished, start

ACTS = ("payments", "corrections", "replay")
Books = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One kill, or a pair of them, and what came of it. Rows, except `broken`: what else is wrong.

    `outside` are rows that count twice and were in no request in flight at a kill.
    """

    point: Point
    dedup: bool
    in_flight: int
    again: int
    lost: int
    twice: int
    outside: int
    unknown: int
    broken: tuple[str, ...]

    @property
    def kills(self) -> int:
        return 1 if self.point.again is None else 2

    @property
    def wrong(self) -> str:
        """What no kill may do, in words; empty when it did not."""
        said = [
            (self.lost, f"{self.lost} rows lost"),
            (self.twice if self.dedup else 0, f"{self.twice} rows count twice in spite of dedup"),
            (self.outside, f"{self.outside} rows count twice that were not in flight"),
            (len(self.broken), "; ".join(self.broken)),
        ]
        return ", ".join(words for count, words in said if count)


@dataclass(frozen=True, kw_only=True)
class Found:
    """All about one platform."""

    case: str
    promise: str
    judged: Sequence[Judged]


@dataclass
class Run:
    """One ledger on its way through the acts."""

    scene: Scene
    engine: Engine
    bad: str
    caught: set[str] = field(default_factory=set)
    """What the books call the rows that a kill found in flight."""

    @property
    def url(self) -> str:
        """What an uploader connects to."""
        return database(self.scene.server, str(self.engine.url.database))

    def act(self, name: str, point: Point | None = None, *, tell: bool = False) -> Told:
        """Plays an act to its end, killed at the point on the way if there is one."""
        if name == "corrections":
            refund(self.scene, self.engine)
        job = Job(url=self.url, bad=self.bad, tell=tell)
        if name == "replay":
            job = replace(job, bad="", prepare=self.replay)
        if point is None:
            return self.lived(job)
        self.kill(job, point)
        if point.again is not None:
            self.killed(replace(job, target=(point.again.name, point.again.nth)))
        told = self.lived(job)
        if point.how is How.LATE:
            self.scene.vendors.let_go(cut=False)
        return told

    def replay(self, engine: Engine, now: datetime) -> Decided:
        """An operator has what was refused sent again."""
        facts = catalogues(self.scene.settings)
        return decide(engine, Decision.REPLAYED, Choice(), facts, Operator(name="somebody"), now)

    def lived(self, job: Job) -> Told:
        told = finished(start(self.scene, job))
        assert told is not None, "killed by nobody"
        return told

    def kill(self, job: Job, point: Point) -> None:
        if point.how is How.ITSELF:
            self.killed(replace(job, target=(point.mark.name, point.mark.nth)))
            return
        assert point.mark.request is not None
        vendors = self.scene.vendors
        vendors.hold(*point.mark.request, "after" if point.how is How.TAKEN else "before")
        pid, pipe = start(self.scene, job)
        wait(vendors.is_held)
        self.killed_from_outside(pid, pipe)
        vendors.forget_faults()
        if point.how is not How.LATE:
            vendors.let_go(cut=True)

    def killed(self, job: Job) -> None:
        assert finished(start(self.scene, job)) is None, f"passed {job.target} alive"
        self.note_caught()

    def killed_from_outside(self, pid: int, pipe: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert finished((pid, pipe)) is None, "ended before it was killed"
        self.note_caught()

    def note_caught(self) -> None:
        """Notes what is in flight, once the database has noticed that nobody is there any more."""
        wait(lambda: not sessions(self.scene.server, str(self.engine.url.database)))
        caught = [row for row in rows_of(self.engine) if row.state == "in_flight"]
        self.caught |= {self.scene.name(row) for row in caught}


def wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def sessions(server: str, name: str) -> int:
    """Sessions of others than this process's pool, which is idle and named."""
    with psycopg.connect(server, autocommit=True) as admin:
        found = admin.execute(
            "select count(*) from pg_stat_activity where datname = %s and application_name <> 'harness'",
            (name,),
        ).fetchone()
        return int(found[0]) if found else 0


@dataclass(frozen=True)
class Plan:
    """What a case passes and leaves when nobody kills it: the books after each act, and the points to try."""

    books: Mapping[str, Books]
    points: Sequence[Point]


def unkilled(one: Scene, seed: int, count: int) -> Plan:
    """Plays in peace where every copy counts, then once with a kill to see what resuming passes."""
    with running(one, dedup=False) as run:
        passed: dict[str, list[Mark]] = {}
        books: dict[str, Books] = {}
        for act in ACTS:
            told = run.act(act, tell=True)
            load(told.modules)
            passed[act], books[act] = told.marks, one.vendors.booked(one.case.platform)
    whole(books, corrects=one.facts.can_retract)
    sends = [mark for mark in passed["payments"] if mark.phase == AFTER_INTENT and mark.request]
    with running(one, dedup=False) as run:
        resumed = run.act("payments", Point("payments", AFTER_INTENT, How.ITSELF, sends[1])).marks
    until = next(place for place, mark in enumerate(resumed) if mark.name.startswith("claim"))
    return Plan(books, points(f"{seed} {one.case.id}", count, passed, (sends[1], resumed[:until])))


def whole(books: Mapping[str, Books], *, corrects: bool) -> None:
    """The books a kill is measured against are right themselves, whether copies count or not."""
    full = Counter({(1, Decimal(1)): 9})
    corrected = Counter(
        {(1, Decimal(1)): 6, (1, Decimal("0.6")): 1, (1, Decimal("0.5")): 1, (0, Decimal(0)): 1}
    )
    wanted = {"payments": full, "corrections": corrected if corrects else full}
    wanted["replay"] = wanted["corrections"] + Counter({(1, Decimal(1)): 1})
    for act, held in wanted.items():
        entries = books[act].values()
        assert Counter((entry["counts"], Decimal(entry["total"])) for entry in entries) == held, act


def load(modules: Sequence[str]) -> None:
    """Loads what an uploader had loaded, so that the next ones find it loaded."""
    for name in modules:
        with suppress(Exception):
            import_module(name)


@contextmanager
def running(one: Scene, *, dedup: bool) -> Iterator[Run]:
    """A fresh ledger, and a sandbox that begins anew."""
    one.vendors.begin(one.case, dedup=dedup)
    with one.ledger() as engine:
        yield Run(one, engine, bad_row(engine))


def try_point(one: Scene, plan: Plan, point: Point, *, dedup: bool) -> Judged:
    """Kills one run at the point, lets it be resumed, and judges what it left."""
    with running(one, dedup=dedup) as run:
        for act in ACTS[: ACTS.index(point.act) + 1]:
            run.act(act, point if act == point.act else None)
        return judged(run, plan.books[point.act], point, dedup=dedup)


def judged(run: Run, wanted: Books, point: Point, *, dedup: bool) -> Judged:
    """Row by row: what the platform has, what the ledger says, and what it would be without the kill."""
    one = run.scene
    got = one.vendors.booked(one.case.platform)
    rows = {one.name(row): row for row in rows_of(run.engine) if row.kind == "conversion"}
    lost, unknown, more = set[str](), set[str](), set[str]()
    for name in wanted.keys() | got.keys() | rows.keys():
        expected, found = counted(wanted.get(name)), counted(got.get(name))
        if name in rows and rows[name].state == "unknown":
            unknown.add(name)
        if found[0] > expected[0]:
            more.add(name)
        elif found != expected and name not in unknown:
            lost.add(name)
    return Judged(
        point=point,
        dedup=dedup,
        in_flight=len(run.caught),
        again=sum(max(0, entry["times_received"] - times(wanted.get(name))) for name, entry in got.items()),
        lost=len(lost),
        twice=len(more),
        outside=len(more - run.caught),
        unknown=len(unknown),
        broken=tuple(faults(run)),
    )


def counted(entry: Mapping[str, Any] | None) -> tuple[int, str]:
    """How often an entry counts, and with what total."""
    return (entry["counts"], entry["total"]) if entry else (0, "")


def times(entry: Mapping[str, Any] | None) -> int:
    return int(entry["times_received"]) if entry else 0


def faults(run: Run) -> Iterator[str]:
    """What must not be left behind: rows on their way, and broken laws."""
    for row in rows_of(run.engine):
        if row.state in {"in_flight", "accepted", "held"} or (row.state, row.reason) == ("planned", "ready"):
            yield f"a row is left {row.state} ({row.reason})"
    for law in check_laws(run.engine, None):
        if law.broken:
            yield f"{law.law}: {law.detail}"


def found(
    case: Case,
    vendors: Vendors,
    server: str,
    seed: int,
    count: int,
    tell: Callable[[str], None],
    *,
    one_play: bool,
) -> Found:
    """Tries `count` points of one case, with the platform's promise about copies kept and broken.

    Each point both ways, or the points by turns.
    """
    with scene(case, vendors, server) as one:
        plan = unkilled(one, seed, count)
        results: list[Judged] = []
        for number, point in enumerate(plan.points):
            for dedup in (number % 2 == 0,) if one_play else (True, False):
                result = try_point(one, plan, point, dedup=dedup)
                results.append(result)
                if result.wrong:
                    tell(f"{case.id}, dedup {'on' if dedup else 'off'}: {point}: {result.wrong}")
        tell(f"{case.id}: {len(plan.points)} points")
        return Found(case=case.id, promise=one.facts.dedup.value, judged=results)
