"""A body is read to a limit, in a time, and while there is room for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request

from conversion_sync.receiver import bodies
from conversion_sync.receiver.bodies import Bodies, Refused


def request(*parts: bytes, ends: bool = True, length: int | None = None) -> Request:
    """A request whose body comes in these parts, and then ends or does not."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": True} for part in parts
    ]
    if ends:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def read(reader: Bodies, one: Request) -> bytes | int:
    """The body, or the status it is refused with."""

    async def reading() -> bytes | int:
        try:
            async with reader.read(one) as body:
                return body
        except Refused as refused:
            return refused.status

    return asyncio.run(reading())


@pytest.mark.parametrize(
    ("parts", "length", "expected"),
    [
        ((), None, b""),
        ((b"12345", b"67890"), 10, b"1234567890"),
        ((b"12345", b"67890", b"1"), None, 413),
        ((), 11, 413),
    ],
)
def test_a_body_is_whole_or_over_the_limit(
    parts: Sequence[bytes], length: int | None, expected: bytes | int
) -> None:
    assert read(Bodies(10), request(*parts, length=length)) == expected


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOWEST", 0.01)
    assert read(Bodies(10), request(b"1", ends=False)) == 408


def test_there_is_room_again_when_a_body_is_done_with_or_refused() -> None:
    reader = Bodies(10, in_flight=12)

    async def at_once() -> list[bytes | int]:
        answers: list[bytes | int] = []
        async with reader.read(request(b"1234567")) as first:
            answers.append(first)
            try:
                async with reader.read(request(b"123456")) as second:
                    answers.append(second)
            except Refused as refused:
                answers.append(refused.status)
        async with reader.read(request(b"123456")) as third:
            answers.append(third)
        return answers

    assert asyncio.run(at_once()) == [b"1234567", 503, b"123456"]
    assert read(reader, request(b"1234567890")) == b"1234567890"
