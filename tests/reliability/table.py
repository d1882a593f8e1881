"""The crash matrix as a page shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.reliability.matrix import Found, Judged
from tests.reliability.uploader import PHASES

BEGIN, END = "<!-- crash matrix: begin -->", "<!-- crash matrix: end -->"
PROMISES = {"none": "none", "within_window": "drops copies for two days", "always": "copies never add up"}


def table(found: Sequence[Found], headline: str) -> str:
    """Three tables: what became of the rows, by platform and by moment, and where the kills were."""
    return "\n\n".join(
        [
            headline,
            _grid(
                (
                    "platform",
                    "promise about copies",
                    "points",
                    "kills",
                    "rows in flight",
                    "sent again",
                    "lost",
                    "twice, dedup on",
                    "twice, dedup off",
                    "of these not in flight",
                    "for a person",
                    "books broken",
                ),
                [
                    *((one.case, PROMISES[one.promise], *_sums(one.judged)) for one in found),
                    ("**all**", "", *_sums(_all(found))),
                ],
                words=2,
            ),
            _grid(
                (
                    "killed",
                    "points",
                    "kills",
                    "rows in flight",
                    "sent again",
                    "lost",
                    "twice, dedup on",
                    "twice, dedup off",
                    "of these not in flight",
                    "for a person",
                    "books broken",
                ),
                [
                    (phase, *_sums([each for each in _all(found) if each.point.phase == phase]))
                    for phase in PHASES
                ],
                words=1,
            ),
            _grid(
                ("points", *(one.case for one in found)),
                [
                    (
                        phase,
                        *(
                            sum(each.point.phase == phase and each.dedup for each in one.judged)
                            for one in found
                        ),
                    )
                    for phase in PHASES
                ],
                words=1,
            ),
        ]
    )


def rewrite(page: Path, text: str) -> None:
    """Puts the tables between the page's marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _all(found: Iterable[Found]) -> list[Judged]:
    return [each for one in found for each in one.judged]


def _sums(judged: Sequence[Judged]) -> tuple[int, ...]:
    kept = [each for each in judged if each.dedup]
    broken = [each for each in judged if not each.dedup]
    return (
        len(kept),
        sum(each.kills for each in judged),
        sum(each.in_flight for each in judged),
        sum(each.again for each in judged),
        sum(each.lost for each in judged),
        sum(each.twice for each in kept),
        sum(each.twice for each in broken),
        sum(each.outside for each in judged),
        sum(each.unknown for each in judged),
        sum(bool(each.broken) for each in judged),
    )


def _grid(head: Sequence[str], rows: Iterable[Sequence[object]], *, words: int) -> str:
    marks = [":--" if place < words else "--:" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (head, marks, *rows))
