"""What is loaded at the start of every process: no vendor's package, and no pandas. Counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from conversion_sync.platforms.registry import kinds

HEAVY = ("facebook_business", "google.ads", "grpc", "pandas", "stripe")

ADAPTERS = [f"conversion_sync.platforms.{name}.adapter" for name in kinds()]
ENTRANCES = [
    "conversion_sync.cli.main",
    "conversion_sync.orchestration.definitions",
    "conversion_sync.platforms.registry",
    *ADAPTERS,
]

PROGRAM = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ENTRANCES)
def test_what_every_process_loads_leaves_heavy_packages_alone(module: str) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert (
        sorted(name for name in loaded if name in HEAVY or name.startswith(tuple(f"{h}." for h in HEAVY)))
        == []
    )


@pytest.mark.parametrize("module", ["facebook_business", "pandas", "stripe"])
def test_the_check_sees_a_package_that_is_loaded(module: str) -> None:
    assert module in loaded_by(module)


def test_no_adapter_loads_dagster_or_another_adapter() -> None:
    for module in ADAPTERS:
        own = module.removesuffix(".adapter")
        loaded = loaded_by(module)
        others = {other.removesuffix(".adapter") for other in ADAPTERS} - {own}
        assert loaded.isdisjoint({*others, "dagster", "sqlalchemy"})
