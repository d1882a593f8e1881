"""Which points of a delivery to kill it at: drawn by a seed from all it passes when nobody kills it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.reliability.uploader import (
    CORRECTIONS,
    ISOLATION,
    MID_REQUEST,
    PHASES,
    RECOVERY,
    REPLAY,
    SETTLEMENT,
    TAKEN,
    Mark,
)


class How(StrEnum):
    """By whom the uploader is killed, and what becomes of the request the vendor has then."""

    ITSELF = "at a point of its own"
    LOST = "the vendor has the request and never takes it in"
    LATE = "the vendor has the request and takes it in after the restart"
    TAKEN = "the vendor took the request in and did not answer"


@dataclass(frozen=True)
class Point:
    """`act` of the play, and the mark in it. A second kill comes `again` in the uploader that resumes."""

    act: str
    phase: str
    how: How
    mark: Mark
    again: Mark | None = None

    def __str__(self) -> str:
        second = f", then at {self.again.name} #{self.again.nth}" if self.again else ""
        return f"{self.act}, {self.mark.name} #{self.mark.nth} ({self.how}){second}"


def points(
    seed: str, count: int, plays: Mapping[str, Sequence[Mark]], recovery: tuple[Mark, Sequence[Mark]]
) -> list[Point]:
    """`count` points, of each phase alike as far as it has so many. The same seed gives the same points.

    `plays` are the marks of each act; `recovery` a mark to kill at, and those that resuming then passes.
    """
    found: dict[str, list[Point]] = defaultdict(list)
    for act, marks in plays.items():
        for point in _of_act(act, marks):
            found[point.phase].append(point)
    first, resumed = recovery
    act = next(iter(plays))
    found[RECOVERY] = [Point(act, RECOVERY, How.ITSELF, first, mark) for mark in resumed]
    draw = random.Random(seed)
    order = list(PHASES)
    draw.shuffle(order)
    for phase in order:
        draw.shuffle(found[phase])
    chosen: list[Point] = []
    while len(chosen) < count and any(found.values()):
        for phase in order:
            if found[phase] and len(chosen) < count:
                chosen.append(found[phase].pop())
    return sorted(chosen, key=lambda point: PHASES.index(point.phase))


def _of_act(act: str, marks: Sequence[Mark]) -> Iterator[Point]:
    for mark in marks:
        phase = _phase(act, mark.phase)
        if phase is None:
            continue
        yield Point(act, phase, How.ITSELF, mark)
        if mark.request is not None:
            at_rest = phase in {SETTLEMENT, ISOLATION, CORRECTIONS, REPLAY}
            for how, named in ((How.LOST, MID_REQUEST), (How.LATE, MID_REQUEST), (How.TAKEN, TAKEN)):
                yield Point(act, phase if at_rest else named, how, mark)


def _phase(act: str, phase: str) -> str | None:
    """The phase a point of an act stands for; None for those that another act has."""
    if act == "replay":
        return REPLAY
    if act == "corrections":
        return phase if phase == CORRECTIONS else None
    return None if phase == CORRECTIONS else phase
