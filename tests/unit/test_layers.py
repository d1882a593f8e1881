"""Who may import whom, as DESIGN.md draws it."""

from __future__ import annotations

from importlinter.cli import lint_imports


def test_every_import_keeps_to_the_layers() -> None:
    assert lint_imports(config_filename=".importlinter", no_cache=True) == 0
