"""Several uploaders at one ad account, after the same rows: every row is sent once, on every platform."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from conversion_sync.store.embedded import EmbeddedServer
from tests.contract.platforms.cases import CASES
from tests.reliability.at_once import PAYMENTS, UPLOADERS

pytestmark = pytest.mark.slow


def test_uploaders_after_the_same_rows_send_each_once(server: EmbeddedServer) -> None:
    command = [sys.executable, "-m", "tests.reliability.at_once", server.url("postgres")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert [one.pop("case") for one in found] == [case.id for case in CASES]
    senders = [one.pop("senders") for one in found]
    assert min(senders) > 1, "nobody competed"
    once = {
        "lived": [True] * UPLOADERS,
        "received": [1] * PAYMENTS,
        "counts": [1] * PAYMENTS,
        "intents": [1] * PAYMENTS,
        "states": ["settled"],
        "broken": [],
    }
    assert found == [once] * len(CASES)
