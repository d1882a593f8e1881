"""No secret and no identifier survives, in whatever form a vendor or a library writes it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from conversion_sync import redaction
from conversion_sync.redaction import (
    HIDDEN,
    LONGEST,
    SEARCHED,
    RedactingFilter,
    excerpt,
    hide,
    install,
    redact,
)

CANARY = "CANARY0123456789abcdef"
HASH = "b4cb6cb33fe4b865868de825023a1e2790dc12ac01ecc8d7c5afe8254071c8ba"

TEXTS = [
    (f"Authorization: Bearer {CANARY}", "Authorization: Bearer [redacted]"),
    (f"authorization: basic {CANARY}==", "authorization: basic [redacted]"),
    (
        f"/v26.0/1/events?access_token={CANARY}&appsecret_proof={CANARY}&x=1",
        "/v26.0/1/events?access_token=[redacted]&appsecret_proof=[redacted]&x=1",
    ),
    (
        f"grant_type=refresh_token&refresh_token={CANARY}&client_secret={CANARY}",
        "grant_type=refresh_token&refresh_token=[redacted]&client_secret=[redacted]",
    ),
    (f'{{"access_token": "{CANARY}", "n": 1}}', '{"access_token": "[redacted]", "n": 1}'),
    (f"{{'client_secret': '{CANARY}'}}", "{'client_secret': '[redacted]'}"),
    (f'"{{\\"refresh_token\\":\\"{CANARY}\\"}}"', '"{\\"refresh_token\\":\\"[redacted]\\"}"'),
    (f"Access-Token: {CANARY}", "Access-Token: [redacted]"),
    (f"postgresql://cs:{CANARY}@db/x", "postgresql://cs:[redacted]@db/x"),
    (f"No such key: sk_live_{CANARY}", "No such key: sk_live_[redacted]"),
    (f"No such key: sk_test_{CANARY}", "No such key: sk_test_[redacted]"),
    (f"No such key: rk_live_{CANARY}", "No such key: rk_live_[redacted]"),
    (f"signed with whsec_{CANARY}", "signed with whsec_[redacted]"),
    (f"token ya29.a0{CANARY}", "token [redacted]"),
    (f"em={HASH} and {HASH.upper()}.", "em=[redacted] and [redacted]."),
    ("mail to jane.doe+ads@example.co.uk, please", "mail to [redacted], please"),
    ("email=jane%40example.com", "email=[redacted]"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_secrets_and_identifiers_are_hidden_and_the_rest_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(("text", "_"), TEXTS)
def test_redacting_twice_changes_nothing(text: str, _: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Index: 3, ERROR :: /conversionValue/amount :: 19.9 cannot be coerced to String",
        "Invalid value for data.0.event_id: not a valid string",
        "The access token could not be decrypted",
        "cs_0123456789abcdef0123456789abcdef",
        "(#100) param data must be an array of 1 to 1000 events.",
    ],
)
def test_ordinary_vendor_texts_stay_whole(text: str) -> None:
    assert redact(text) == text


def test_an_excerpt_is_one_line_of_bounded_length_and_holds_no_half_token() -> None:
    text = "a" * (LONGEST - 30) + f"\n access_token={CANARY * 20}"
    shown = excerpt(text)
    assert len(shown) <= LONGEST
    assert "\n" not in shown
    assert "CANARY" not in shown


def test_an_excerpt_hides_the_callers_own_secrets_in_any_place() -> None:
    assert excerpt("the word opensesame was refused", "opensesame", "") == "the word [redacted] was refused"


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert excerpt("x" * 600) == "x" * (LONGEST - 1) + "…"


def test_the_filter_scrubs_messages_arguments_and_exceptions() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter())
    log = logging.getLogger("test_redaction")
    log.addHandler(handler)
    log.propagate = False
    try:
        raise RuntimeError(f"GET /x?access_token={CANARY}")  # noqa: TRY301
    except RuntimeError:
        log.exception("failed for %s", "jane@example.com")
    finally:
        log.removeHandler(handler)
    assert "failed for [redacted]" in out.getvalue()
    assert "access_token=[redacted]" in out.getvalue()
    assert CANARY not in out.getvalue()


@pytest.fixture
def installed() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    install()
    yield
    logging.setLogRecordFactory(before)


def test_once_installed_no_handler_of_anybody_sees_a_secret(installed: None) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    log = logging.getLogger("somebody.elses")
    log.addHandler(handler)
    try:
        raise RuntimeError(f"GET /x?access_token={CANARY}")  # noqa: TRY301
    except RuntimeError:
        log.exception("failed for %s after %d tries", f"api_key={CANARY}", 3)
    finally:
        log.removeHandler(handler)
    [record] = records
    assert record.getMessage() == "failed for api_key=[redacted] after 3 tries"
    assert "access_token=[redacted]" in str(record.exc_text)
    assert CANARY not in logging.Formatter("%(message)s").format(record)


def test_a_record_without_secrets_keeps_its_words_and_arguments(installed: None) -> None:
    record = logging.getLogRecordFactory()("n", logging.INFO, "f", 1, "%s took %d", ("plan", 3), None)
    assert (record.msg, record.args) == ("%s took %d", ("plan", 3))


def test_words_and_arguments_that_do_not_fit_stop_nobody(installed: None) -> None:
    record = logging.getLogRecordFactory()("n", logging.INFO, "f", 1, "%d", (f"api_key={CANARY}",), None)
    assert CANARY not in record.getMessage()


def test_what_is_installed_twice_is_installed_once(installed: None) -> None:
    once = logging.getLogRecordFactory()
    install()
    assert logging.getLogRecordFactory() is once


def test_a_configured_secret_is_hidden_whatever_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_configured", set())
    hide("like no other words", "like no other words at all", "short")
    assert redact("said: like no other words at all, like no other words, short") == (
        "said: [redacted], [redacted], short"
    )


def test_a_secret_that_begins_like_another_is_hidden_to_its_end() -> None:
    assert excerpt("refused app-of-mine-secret", "app-of-mine", "app-of-mine-secret") == "refused [redacted]"


def test_the_excerpt_of_megabytes_is_of_their_beginning_and_shows_no_half_token() -> None:
    assert excerpt("a" * 8_000_000) == "a" * 499 + "\u2026"
    assert excerpt("said " * 3 + "x" * 20_000 + " canary-secret", "canary-secret").startswith(
        "said said said x"
    )
    spaces = " " * (SEARCHED - len("Bearer") - 8)
    assert excerpt(f"said {spaces}Bearer {'canary' * 20}") == HIDDEN
    assert excerpt(f"said {spaces}") == "said"
