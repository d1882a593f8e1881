"""The process that gets killed: it delivers, counts every point it passes, and dies at the chosen one.

A point is a statement, a commit or a request, before or after, named by what the uploader was doing. It is
forked from a parent that has loaded every module, so that a delivery costs a delivery; its database
connections and sockets are its own.
"""

from __future__ import annotations

import http.client
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, event, text

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery import books, deliver, settle
from conversion_sync.delivery.desk import Desk
from conversion_sync.model.conversion import ConversionKind, Outbound
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.deliver import targets
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement
from conversion_sync.store.engine import connect
from tests.reliability.scene import ACCOUNT, Scene, Vendors, spoiled

BATCH = 4
ROUNDS = 20
"""More than any run needs."""

BEFORE_INTENT = "before the intent"
AFTER_INTENT = "after the intent"
MID_REQUEST = "mid-request"
TAKEN = "taken, before the answer"
BEFORE_OUTCOME = "before the outcome"
AFTER_OUTCOME = "after the outcome"
SETTLEMENT = "during settlement"
ISOLATION = "while isolating a bad row"
CORRECTIONS = "during corrections"
REPLAY = "during an operator's replay"
RECOVERY = "while recovering from a kill"
PHASES = (
    BEFORE_INTENT,
    AFTER_INTENT,
    MID_REQUEST,
    TAKEN,
    BEFORE_OUTCOME,
    AFTER_OUTCOME,
    SETTLEMENT,
    ISOLATION,
    CORRECTIONS,
    REPLAY,
    RECOVERY,
)


@dataclass(frozen=True)
class Mark:
    """A point a delivery passes: its name, the how manieth of this name, the phase it lies in.

    A mark before a request also says which one it is: vendor, path, and the how manieth of the two.
    """

    name: str
    nth: int
    phase: str
    request: tuple[str, str, int] | None = None


class Where(threading.local):
    """What a thread of the uploader is doing. What the clerk's has in hand is an outcome."""

    place = "deliver"
    phase = BEFORE_OUTCOME


def first() -> Where:
    """As the uploader begins."""
    where = Where()
    where.phase = BEFORE_INTENT
    return where


@dataclass(slots=True)
class Marks:
    """What a delivery passed so far. It dies at `target`, a name and a number."""

    target: tuple[str, int] | None
    passed: list[Mark] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    where: Where = field(default_factory=first)
    searching: bool = False
    adjusting: bool = False

    def at(self, what: str, phase: str | None = None) -> bool:
        """Passes a point; whether it is the one to die at, which is done at once unless it is halfway."""
        name = f"{self.where.place}: {what}"
        self.counts[name] += 1
        self.passed.append(Mark(name, self.counts[name], phase or self._phase()))
        if self.target != (name, self.counts[name]):
            return False
        if not what.startswith("half"):
            die()
        return True

    def _phase(self) -> str:
        if self.adjusting:
            return CORRECTIONS
        return ISOLATION if self.searching and self.where.phase != SETTLEMENT else self.where.phase


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """The real adapter in small batches, with one row spoiled on its way out and every request marked."""

    def __init__(self, inner: Platform, marks: Marks, vendors: Vendors, bad: str, *, tell: bool) -> None:
        self._inner, self._marks, self._vendors = inner, marks, vendors
        self._bad, self._tell = bad, tell
        self.requests: Counter[tuple[str, str]] = Counter()

    @property
    def catalogue(self) -> Catalogue:
        return replace(self._inner.catalogue, batch_size=BATCH)

    def invalid(self, row: Outbound) -> str | None:
        return self._inner.invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        now = self._vendors.now()
        leaving = [spoiled(row, now) if row.vendor_id == self._bad else row for row in batch]
        answer: SendResult = self._asked(
            "send", lambda: self._inner.send(leaving, validate_only=validate_only)
        )
        self._marks.where.phase = BEFORE_OUTCOME
        self._marks.at("send is over")
        return answer

    def settlement(self, request_ref: str) -> Settlement:
        answer: Settlement = self._asked("ask after a request", lambda: self._inner.settlement(request_ref))
        self._marks.at("asked after a request")
        return answer

    def preflight(self, targets: Any) -> Preflight:
        return self._inner.preflight(targets)

    def close(self) -> None:
        self._inner.close()

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        before = self._vendors.counted() if self._tell else {}
        self._marks.at(f"before: {what}")
        place = len(self._marks.passed)
        dies = self._marks.at(f"half: {what}", MID_REQUEST)
        with bodies() as sent:
            sent.die_halfway = dies
            answer = ask()
        if self._tell:
            half = self._marks.passed[place]
            if not sent.any:
                self._marks.passed.remove(half)
            self._name_request(place - 1, before)
        return answer

    def _name_request(self, place: int, before: Mapping[str, int]) -> None:
        """Says of a mark which request came after it, by what the vendors counted; tokens' are not meant."""
        named = [
            name
            for name, count in self._vendors.counted().items()
            if count != before.get(name, 0) and "oauth" not in name.split()[0]
        ]
        if len(named) == 1:
            vendor, _, path = named[0].partition(" ")
            self.requests[vendor, path] += 1
            request = (vendor, path, self.requests[vendor, path])
            self._marks.passed[place] = replace(self._marks.passed[place], request=request)


@dataclass(slots=True)
class Bodies:
    """Whether any body of an HTTP request left, and whether the process is to end in the middle of one."""

    any: bool = False
    die_halfway: bool = False


@contextmanager
def bodies() -> Iterator[Bodies]:
    """Watches the bodies that leave meanwhile, of all requests but those for tokens."""
    send, seen = http.client.HTTPConnection.send, Bodies()

    def watched(self: Any, data: Any) -> None:
        whole = bytes(data) if isinstance(data, bytes | bytearray) else b""
        if whole and not whole.startswith((b"POST ", b"GET ")) and b"grant_type" not in whole:
            seen.any = True
            if seen.die_halfway:
                send(self, whole[: len(whole) // 2])
                die()
        send(self, data)

    http.client.HTTPConnection.send = watched  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        http.client.HTTPConnection.send = send  # type: ignore[method-assign]


def watch(engine: Engine, marks: Marks) -> None:
    """Marks every statement and every commit of the engine."""
    commit = engine.dialect.do_commit

    def marked(connection: Any) -> None:
        marks.at("before a commit")
        commit(connection)
        if marks.where.place in {"claim", "intend"}:
            marks.where.phase = AFTER_INTENT
        elif marks.where.place == "record":
            marks.where.phase = AFTER_OUTCOME
        marks.at("after a commit")

    engine.dialect.do_commit = marked  # type: ignore[method-assign,assignment]
    event.listen(engine, "before_cursor_execute", lambda *_: marks.at("before a statement"))


def watch_delivery(marks: Marks) -> None:
    """Marks what delivery does, and the connections it has of its own."""
    at_work = deliver.at_work

    @contextmanager
    def watched(desk: Desk) -> Iterator[Desk]:
        with at_work(desk) as place:
            if place.own is not None:
                watch(place.own, marks)
            yield place

    def begin_record(*_: Any) -> None:
        if threading.current_thread() is not threading.main_thread():
            marks.where.phase = BEFORE_OUTCOME

    def begin_claim(_: Any, kind: ConversionKind, *__: Any, **___: Any) -> None:
        marks.where.phase, marks.searching = BEFORE_INTENT, False
        marks.adjusting = kind is ConversionKind.ADJUSTMENT

    def begin_search(*_: Any) -> None:
        marks.where.phase, marks.searching = BEFORE_OUTCOME, True

    deliver.at_work = watched  # type: ignore[assignment]
    within(marks, books, "claim", begin_claim)
    within(marks, books, "intend")
    within(marks, books, "refused_whole", begin_search)
    within(marks, books, "record", begin_record)
    within(marks, books, "recover")
    within(marks, books, "settle")
    within(marks, deliver, "plan")
    within(marks, settle, "plan")
    for module in (deliver, settle):
        within(marks, module, "settle_due", lambda *_: setattr(marks.where, "phase", SETTLEMENT))


def within(marks: Marks, module: Any, name: str, begin: Callable[..., None] | None = None) -> None:
    """What happens while the function runs is named by it."""
    function = getattr(module, name)

    def called(*arguments: Any, **options: Any) -> Any:
        outer, marks.where.place = marks.where.place, name
        try:
            if begin is not None:
                begin(*arguments, **options)
            return function(*arguments, **options)
        finally:
            marks.where.place = outer

    setattr(module, name, called)


@dataclass(frozen=True)
class Told:
    """What an uploader that lived said: the points it passed, and which modules it had loaded."""

    marks: list[Mark]
    modules: list[str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What an uploader is to do. `target` is where it dies; `tell` has it name its requests.

    `windows` are delivered first, one after the other.
    """

    url: str
    bad: str
    prepare: Callable[[Engine, datetime], object] | None = None
    target: tuple[str, int] | None = None
    tell: bool = False
    windows: tuple[Window, ...] = ()


def start(scene: Scene, job: Job) -> tuple[int, int]:
    """Forks an uploader; returns its process id and the pipe it will speak through."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    code = 1
    try:
        os.close(reading)
        said: Any = _deliver(scene, job)
        code = 0
    except BaseException:  # noqa: BLE001 - it is told to the parent
        said = traceback.format_exc()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(said, pipe)
    finally:
        os._exit(code)


def finished(started: tuple[int, int]) -> Told | None:
    """What the uploader said; None if it was killed. Raises RuntimeError if it failed."""
    pid, reading = started
    with os.fdopen(reading, "rb") as pipe:
        text_said = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    said = pickle.loads(text_said)
    if isinstance(said, Told):
        return said
    raise RuntimeError(f"the uploader failed: {said}")


@dataclass(slots=True)
class Clock:
    """The uploader's and the vendors', which moves only when somebody waits."""

    now: datetime
    vendors: Vendors

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.move(self.now + timedelta(seconds=seconds))

    def move(self, now: datetime) -> None:
        self.now = now
        self.vendors.set_clock(now)


def _deliver(scene: Scene, job: Job) -> Told:
    """Delivers until nothing is due, moving the clock on to what is due next.

    Every second time confirmations are asked after first, as runs of their own do.
    """
    marks = Marks(job.target)
    engine = connect(job.url)
    watch(engine, marks)
    watch_delivery(marks)
    vendors = scene.vendors
    clock = Clock(vendors.now(), vendors)
    adapter = Watched(scene.adapter(engine, clock), marks, vendors, job.bad, tell=job.tell)
    desk = Desk(
        engine=engine,
        platform=scene.case.platform,
        account=ACCOUNT,
        run_id=f"uploader {os.getpid()}",
        targets=targets(scene.settings, scene.case.platform, ACCOUNT),
    )
    if job.prepare is not None:
        marks.where.place = "decide"
        job.prepare(engine, clock())
        marks.where.place = "deliver"
    for window in job.windows:
        deliver.deliver(desk, adapter, window, UploadMode.LIVE, clock, clock.sleep)
    for number in range(ROUNDS):
        if number % 2:
            settle.settle(desk, adapter, clock, clock.sleep)
        tally = deliver.deliver(desk, adapter, scene.window, UploadMode.LIVE, clock, clock.sleep)
        due = next_due(engine)
        if due is None or (due <= clock() and not tally.requests and not tally.settlements.total()):
            return Told(marks.passed, list(sys.modules))
        clock.move(max(clock.now, due) + timedelta(seconds=1))
    raise RuntimeError(f"still not done after {ROUNDS} deliveries")


def next_due(engine: Engine) -> datetime | None:
    with engine.connect() as connection:
        found: datetime | None = connection.scalar(
            text(
                "select min(at) from (select not_before as at from conversion where state = 'planned'"
                " union all select next_poll_at from settlement_poll where done_at is null) as due"
            )
        )
        return found
