from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from conversion_sync.sandbox import google_ads, google_oauth, google_rpc
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.google_tokens import ADWORDS, DATA_MANAGER, issue
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.google_ads.calls import (
    CUSTOMER,
    MESSAGES,
    NOW,
    SEARCH,
    TRACKING,
    booked,
    failure_in,
    name_of,
    retraction,
)


@pytest.mark.parametrize(
    ("members", "rows", "code"),
    [
        ({"partial_failure": False}, [retraction()], "PARTIAL_FAILURE_MODE_REQUIRED"),
        ({"job_id": 0}, [retraction()], "INVALID_JOB_ID"),
        ({"job_id": -1}, [retraction()], "INVALID_JOB_ID"),
        ({}, [], "REQUIRED"),
        ({}, [retraction()] * 2001, "TOO_MANY_ADJUSTMENTS_IN_REQUEST"),
        ({"customer_id": "123-456-7890"}, [retraction()], "INVALID_CUSTOMER_ID"),
    ],
)
def test_a_fault_of_the_request_fails_the_call(
    adjust: Any, members: dict[str, Any], rows: list[dict[str, Any]], code: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        adjust(*rows, **members)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    box = failure_in(raised.value.trailing_metadata())
    assert [name_of(error) for error in box.errors] == [code]
    assert dict(raised.value.trailing_metadata())["request-id"] == box.request_id
    assert dict(raised.value.initial_metadata())["request-id"] == box.request_id


@pytest.mark.parametrize(
    ("metadata", "customer", "status", "code"),
    [
        ({"authorization": None}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_INVALID"),
        ({"authorization": "Bearer wrong"}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_INVALID"),
        ({"authorization": "expired"}, CUSTOMER, "UNAUTHENTICATED", "OAUTH_TOKEN_EXPIRED"),
        ({"authorization": "scope"}, CUSTOMER, "PERMISSION_DENIED", "ACTION_NOT_PERMITTED"),
        ({}, "1111111111", "UNAUTHENTICATED", "CUSTOMER_NOT_FOUND"),
        ({"login_customer_id": "1111111111"}, CUSTOMER, "PERMISSION_DENIED", "USER_PERMISSION_DENIED"),
        ({"login_customer_id": "1"}, CUSTOMER, "INVALID_ARGUMENT", "INVALID_LOGIN_CUSTOMER_ID"),
        (
            {"x_goog_request_params": "customer_id=1"},
            CUSTOMER,
            "INVALID_ARGUMENT",
            "INVALID_CUSTOMER_ID",
        ),
    ],
)
def test_transport_and_authentication(
    call: Any, vendors: Vendors, metadata: dict[str, str | None], customer: str, status: str, code: str
) -> None:
    made = {
        "expired": issue(vendors.credentials, (ADWORDS,), NOW),
        "scope": issue(vendors.credentials, (DATA_MANAGER,), NOW + timedelta(hours=1)),
    }
    asked = metadata.get("authorization")
    if asked in made:
        metadata = {"authorization": f"Bearer {made[asked]}"}
    with pytest.raises(grpc.RpcError) as raised:
        call(
            SEARCH,
            MESSAGES[SEARCH][0](customer_id=customer, query="SELECT customer.id FROM customer"),
            **metadata,
        )
    assert raised.value.code() is grpc.StatusCode[status]
    assert name_of(failure_in(raised.value.trailing_metadata()).errors[0]) == code


def test_the_version_ends_by_the_clock(call: Any, vendors: Vendors) -> None:
    token = issue(vendors.credentials, (ADWORDS,), google_ads.ENDS + timedelta(hours=1))
    asked = MESSAGES[SEARCH][0](customer_id=CUSTOMER, query="SELECT customer.id FROM customer")
    vendors.clock.freeze(google_ads.ENDS - timedelta(seconds=1))
    call(SEARCH, asked, authorization=f"Bearer {token}")
    vendors.clock.freeze(google_ads.ENDS)
    with pytest.raises(grpc.RpcError) as raised:
        call(SEARCH, asked, authorization=f"Bearer {token}")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert name_of(failure_in(raised.value.trailing_metadata()).errors[0]) == "UNSUPPORTED_VERSION"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT customer.no_such_field FROM customer", "UNRECOGNIZED_FIELD"),
        (
            f"SELECT {TRACKING}.enhanced_conversions_for_leads_enabled FROM customer",
            "UNRECOGNIZED_FIELD",
        ),
        ("SELECT campaign.id FROM campaign", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        ("customer", "UNEXPECTED_INPUT"),
    ],
)
def test_a_query_that_v26_does_not_understand(call: Any, query: str, code: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        call(SEARCH, MESSAGES[SEARCH][0](customer_id=CUSTOMER, query=query))
    assert name_of(failure_in(raised.value.trailing_metadata()).errors[0]) == code


def test_the_unmodified_official_client(vendors: Vendors, serve: Callable[..., str], tmp_path: Path) -> None:
    token_uri = serve(google_oauth.app(vendors)) + "/token"
    server, port, ca = google_rpc.serve(vendors, "127.0.0.1", 0)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ca)
    action = {
        "grpc_status": "RESOURCE_EXHAUSTED",
        "grpc_error": "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED",
        "grpc_retry_delay_seconds": 30,
    }
    rule = {"vendor": "google_ads", "path_contains": "UploadClickConversions", "nth": 2, "action": action}
    vendors.faults.add(Rule.model_validate(rule))
    program = Path(__file__).with_name("official_client.py")
    known = json.dumps({k: v for k, v in asdict(vendors.credentials).items() if isinstance(v, str)})
    done = subprocess.run(
        [sys.executable, str(program), f"localhost:{port}", token_uri, known],
        env={**os.environ, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    server.stop(None).wait()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "adjust": {
            "results": ["cs_0001", ""],
            "code": 3,
            "message": "Conversion not found., at conversion_adjustments[1]",
            "job": True,
            "errors": [[5, "conversion_adjustments", 1]],
        },
        "upload": {"group": "not_allowlisted_error", "number": 2, "request_id": True},
        "quota": {"number": 4, "delay": 30},
        "search": {
            "customer": "customers/1234567890",
            "terms": True,
            "enablement": 3,
            "actions": [[700000001, 7, 3, 90], [700000003, 7, 3, 90]],
            "streamed": 4,
        },
    }
    assert booked(vendors)["retracted"] is True


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ({"enabled": False}, "CUSTOMER_NOT_ENABLED"),
        ({"project_approved": False}, "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"),
    ],
)
def test_a_customer_or_project_that_may_not_is_refused(
    call: Any, vendors: Vendors, standing: dict[str, Any], code: str
) -> None:
    vendors.google_ads.change(**standing)
    with pytest.raises(grpc.RpcError) as raised:
        call(SEARCH, MESSAGES[SEARCH][0](customer_id=CUSTOMER, query="SELECT customer.id FROM customer"))
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert name_of(failure_in(raised.value.trailing_metadata()).errors[0]) == code
