"""What is installed is whole: queries, vendors' facts and templates travel with the code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_the_code_reads(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    queries = {f"conversion_sync/_{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "conversion_sync").rglob("*")
        if path.suffix in {".py", ".toml", ".yaml", ".typed", ".js"}
    }
    assert queries
    assert queries | package <= held
