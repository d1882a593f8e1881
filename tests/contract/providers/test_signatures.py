"""Ours against the vendors' own verification and the vectors of specs/billing.md §7, the wrong ones too."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.billing.lemon_squeezy import signature as lemon_squeezy
from conversion_sync.billing.paddle import signature as paddle
from conversion_sync.billing.signatures import Verdict
from conversion_sync.billing.stripe import signature as stripe

AT = 1790000000
TOLERANCE = timedelta(seconds=300)
GENUINE, MISSING, MALFORMED, STALE, FORGED = (
    Verdict.GENUINE,
    Verdict.MISSING,
    Verdict.MALFORMED,
    Verdict.STALE,
    Verdict.FORGED,
)


@dataclass(frozen=True)
class Scheme:
    """A vendor's: the names in its header, its secret, and a body with its right signature."""

    verify: Any
    header: str
    stamp: str
    right: str
    separator: str
    between: str
    secret: str
    body: bytes
    sha256: str
    digest: str

    def signed(self, digest: str, *, key: str | None = None) -> str:
        return f"{self.stamp}={AT}{self.separator}{key or self.right}={digest}"

    def verdict(
        self, value: str | None, body: bytes | None = None, *, age: float = 0, secrets: Sequence[str] = ()
    ) -> Verdict:
        found: Verdict = self.verify(
            self.body if body is None else body,
            {} if value is None else {self.header: value},
            secrets or [self.secret],
            datetime.fromtimestamp(AT + age, UTC),
            TOLERANCE,
        )
        return found

    def made(self, body: bytes, secret: str) -> str:
        return hmac.new(secret.encode(), f"{AT}{self.between}".encode() + body, hashlib.sha256).hexdigest()


STRIPE = Scheme(
    verify=stripe.verify,
    header="Stripe-Signature",
    stamp="t",
    right="v1",
    separator=",",
    between=".",
    secret="whsec_test_secret_conversion_sync",
    body=b'{"id":"evt_1TestVector0001","object":"event","api_version":"2026-10-28.endive",'
    b'"created":1790000000,"type":"invoice.paid","data":{"object":{"id":"in_1TestVector0001",'
    b'"object":"invoice"}}}',
    sha256="a578ed0224f4369459bc243206d278d4d1a5d86b86b1cf3891a72485dafb5e1b",
    digest="11487e5c7f73afb2cc0ffcbba66ec25948248d228917971d8ea5882a8dc29b12",
)
PADDLE = Scheme(
    verify=paddle.verify,
    header="Paddle-Signature",
    stamp="ts",
    right="h1",
    separator=";",
    between=":",
    secret="pdl_ntfset_01testvector_conversion_sync_secret",
    body=b'{"event_id":"evt_01testvector00000000000000","event_type":"transaction.completed",'
    b'"occurred_at":"2026-09-21T14:13:20.000000Z","notification_id":"ntf_01testvector00000000000000",'
    b'"data":{"id":"txn_01testvector00000000000000"}}',
    sha256="0a5f4b44e785be9af47ce6fe2f6fbc2b284449648b327e525303dbd0fdf7e21d",
    digest="be883f6f7f0a21a819e4ee09332f02164f9e674386080d88d224c7ea9dbdba02",
)
TIMED = {"stripe": STRIPE, "paddle": PADDLE}
LEMON_SECRET = "ls_test_secret_conversion_sync"
LEMON_BODY = (
    b'{"meta":{"event_name":"subscription_payment_success","test_mode":true,"custom_data":'
    b'{"gclid":"TeSter-123"}},"data":{"type":"subscription-invoices","id":"1"}}'
)
LEMON_DIGEST = "d80a51ec88ac30d9f6d67ff1daf0633e625a46b095df5a472b08f76e2561b452"


@pytest.fixture(params=TIMED)
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return TIMED[request.param]


# -- the vendors' own verification --------------------------------------------------------------------------


def by_stripe(value: str, body: bytes, age: float) -> bool:
    import stripe as sdk
    from stripe import _webhook

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_webhook, "time", SimpleNamespace(time=lambda: AT + age))
        try:
            return bool(sdk.WebhookSignature.verify_header(body, value, STRIPE.secret, 300))
        except (sdk.SignatureVerificationError, UnicodeDecodeError):
            return False


def by_paddle(value: str, body: bytes, age: float) -> bool:
    from paddle_billing.Notifications import Secret, Verifier

    request = SimpleNamespace(headers={"Paddle-Signature": value}, body=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_MODE", raising=False)
        patch.setitem(Verifier.verify.__globals__, "time", lambda: AT + age)
        try:
            return bool(Verifier(300).verify(request, Secret(PADDLE.secret)))
        except ValueError:
            return False


ORACLES = {"Stripe-Signature": by_stripe, "Paddle-Signature": by_paddle}


# -- the vectors --------------------------------------------------------------------------------------------


def test_the_vectors_are_to_the_byte(scheme: Scheme) -> None:
    assert hashlib.sha256(scheme.body).hexdigest() == scheme.sha256
    assert hashlib.sha256(LEMON_BODY).hexdigest() == (
        "7e8e0c76a8ea28d120b8084396d7799a52d30ef1a4b2e69fe31643aae2353184"
    )


def test_the_vector_is_genuine(scheme: Scheme) -> None:
    value = scheme.signed(scheme.digest)
    assert scheme.verdict(value) is GENUINE
    assert ORACLES[scheme.header](value, scheme.body, 0)


def test_text_of_every_script_is_signed_by_its_bytes() -> None:
    body = '{"id":"evt_2","object":"event","name":"Zoë — 東京 🧾"}'.encode()
    value = STRIPE.signed("40f689b5bf7331874930bbbd7b1fd2fb6abac14c74b1418464b430aac44a895b")
    assert STRIPE.verdict(value, body) is GENUINE
    assert by_stripe(value, body, 0)


def wrong(scheme: Scheme) -> Iterator[tuple[str, str, bytes, float, Verdict]]:
    """What must not pass: name, header, body, age, verdict. The vendors agree on each."""
    body, digest = scheme.body, scheme.digest
    good = scheme.signed(digest)
    yield "301 seconds old", good, body, 301, STALE
    yield "one byte changed", good, body[:-1] + b"]", 0, FORGED
    yield "one byte more", good, body + b"\n", 0, FORGED
    yield "line ends changed", good, body + b"\r\n", 0, FORGED
    yield "another scheme alone", scheme.signed(digest, key="v0"), body, 0, MALFORMED
    yield "an empty header", "", body, 0, MISSING
    yield "no signature", f"{scheme.stamp}={AT}", body, 0, MALFORMED
    yield "no time", f"{scheme.right}={digest}", body, 0, MALFORMED
    yield "another time", good.replace(str(AT), str(AT + 1)), body, 0, FORGED
    yield "a time that is none", good.replace(str(AT), "now"), body, 0, MALFORMED
    yield "no hexadecimal", scheme.signed("z" * 64), body, 0, FORGED
    yield "half of it", scheme.signed(digest[:32]), body, 0, FORGED
    yield "upper case", scheme.signed(digest.upper()), body, 0, FORGED
    yield "another secret's", scheme.signed(scheme.made(body, "another")), body, 0, FORGED
    other = ";" if scheme.separator == "," else ","
    yield "the wrong separator", good.replace(scheme.separator, other), body, 0, MALFORMED


@pytest.mark.parametrize(
    ("of", "name", "value", "body", "age", "expected"),
    [pytest.param(key, *case, id=f"{key}: {case[0]}") for key, one in TIMED.items() for case in wrong(one)],
)
def test_what_is_wrong_is_told_as_what_it_is(
    of: str, name: str, value: str, body: bytes, age: float, expected: Verdict
) -> None:
    assert TIMED[of].verdict(value, body, age=age) is expected
    assert not ORACLES[TIMED[of].header](value, body, age)


def test_it_is_genuine_up_to_the_tolerance_and_no_longer(scheme: Scheme) -> None:
    value = scheme.signed(scheme.digest)
    for age, expected in ((299, GENUINE), (300, GENUINE), (300.5, STALE), (-300, GENUINE), (-301, STALE)):
        assert scheme.verdict(value, age=age) is expected
    assert by_stripe(STRIPE.signed(STRIPE.digest), STRIPE.body, -301)  # theirs has no end in the future


def test_while_a_secret_is_replaced_either_is_right(scheme: Scheme) -> None:
    new = scheme.made(scheme.body, "the next secret")
    both = f"{scheme.signed(new)}{scheme.separator}{scheme.right}={scheme.digest}"
    assert scheme.verdict(both) is GENUINE
    assert ORACLES[scheme.header](both, scheme.body, 0)
    assert scheme.verdict(scheme.signed(new), secrets=[scheme.secret, "the next secret"]) is GENUINE
    assert scheme.verdict(scheme.signed(new), secrets=[scheme.secret, "a third"]) is FORGED


def test_where_ours_is_kinder_or_stricter_than_theirs(scheme: Scheme) -> None:
    later = f"{scheme.signed(scheme.digest)}{scheme.separator}x9=1"
    assert scheme.verdict(later) is GENUINE  # Paddle's package breaks at a key it does not know
    spaced = scheme.signed(scheme.digest).replace(scheme.separator, f"{scheme.separator} ")
    assert scheme.verdict(spaced) is GENUINE  # proxies may fold header lines
    twice = f"{scheme.stamp}={AT}{scheme.separator}{scheme.signed(scheme.digest)}"
    assert scheme.verdict(twice) is MALFORMED
    for key in (scheme.header.lower(), scheme.header.upper()):
        found = scheme.verify(
            scheme.body,
            {key: scheme.signed(scheme.digest)},
            [scheme.secret],
            datetime.fromtimestamp(AT, UTC),
            TOLERANCE,
        )
        assert found is GENUINE


def test_a_body_that_is_no_text_is_signed_by_its_bytes_too(scheme: Scheme) -> None:
    body = bytes(range(256))
    assert scheme.verdict(scheme.signed(scheme.made(body, scheme.secret)), body) is GENUINE
    assert scheme.verdict(scheme.signed(scheme.digest), body) is FORGED


PARTS = st.lists(
    st.sampled_from(["time", "another time", "right", "wrong", "upper", "cut", "another scheme"]),
    max_size=6,
)


@pytest.mark.parametrize("of", TIMED)
@given(parts=PARTS, age=st.sampled_from([-299, 0, 299, 301]), cut=st.sampled_from([0, 0, 0, 1]))
def test_ours_and_theirs_agree_on_any_header(of: str, parts: list[str], age: float, cut: int) -> None:
    scheme = TIMED[of]
    texts = {
        "time": f"{scheme.stamp}={AT}",
        "another time": f"{scheme.stamp}={AT - 1}",
        "right": f"{scheme.right}={scheme.digest}",
        "wrong": f"{scheme.right}={scheme.digest[::-1]}",
        "upper": f"{scheme.right}={scheme.digest.upper()}",
        "cut": f"{scheme.right}=",
        "another scheme": f"v0={scheme.digest}",
    }
    value = scheme.separator.join(texts[part] for part in parts)
    body = scheme.body[cut:]
    ours = scheme.verdict(value, body, age=age) is GENUINE
    times = sum(part.endswith("time") for part in parts)
    if times < 2 and not (of == "paddle" and "another scheme" in parts):
        assert ours == ORACLES[scheme.header](value, body, age)
    assert ours == (times == 1 and "time" in parts and "right" in parts and age < 301 and not cut)


# -- Lemon Squeezy, which has no package --------------------------------------------------------------------


def lemon(value: str | None, body: bytes = LEMON_BODY, secrets: Sequence[str] = (LEMON_SECRET,)) -> Verdict:
    headers: Mapping[str, str] = {} if value is None else {"X-Signature": value, "X-Event-Name": "x"}
    return lemon_squeezy.verify(body, headers, secrets, datetime.now(UTC), TOLERANCE)


@pytest.mark.parametrize(
    ("value", "body", "secrets", "expected"),
    [
        (LEMON_DIGEST, LEMON_BODY, [LEMON_SECRET], GENUINE),
        (LEMON_DIGEST, LEMON_BODY, ["the next", LEMON_SECRET], GENUINE),
        (LEMON_DIGEST, LEMON_BODY, ["the next"], FORGED),
        (LEMON_DIGEST, LEMON_BODY.replace(b"T", b"t", 1), [LEMON_SECRET], FORGED),
        (LEMON_DIGEST, LEMON_BODY + b"\r\n", [LEMON_SECRET], FORGED),
        (LEMON_DIGEST[::-1], LEMON_BODY, [LEMON_SECRET], FORGED),
        (LEMON_DIGEST.upper(), LEMON_BODY, [LEMON_SECRET], MALFORMED),
        (LEMON_DIGEST[:-1], LEMON_BODY, [LEMON_SECRET], MALFORMED),
        ("z" * 64, LEMON_BODY, [LEMON_SECRET], MALFORMED),
        (f"sha256={LEMON_DIGEST}", LEMON_BODY, [LEMON_SECRET], MALFORMED),
        ("", LEMON_BODY, [LEMON_SECRET], MISSING),
        (None, LEMON_BODY, [LEMON_SECRET], MISSING),
    ],
)
def test_lemon_squeezys_vectors(
    value: str | None, body: bytes, secrets: Sequence[str], expected: Verdict
) -> None:
    assert lemon(value, body, secrets) is expected
