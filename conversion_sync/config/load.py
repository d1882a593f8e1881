"""Reads `conversion_sync.yaml`: secrets from the environment, then settings, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from conversion_sync.config.check import findings
from conversion_sync.config.problems import problems
from conversion_sync.config.settings import Finding, Settings
from conversion_sync.config.values import fill_in
from conversion_sync.errors import ConfigurationError
from conversion_sync.redaction import hide

DEFAULT = Path("conversion_sync.yaml")
VARIABLE = "CONVERSION_SYNC_CONFIG"
EXAMPLE = "conversion-sync.example.yaml"


def load(shape: type[Settings], path: Path | None = None) -> Settings:
    """The settings in `path`, else in the file CONVERSION_SYNC_CONFIG names, else in ./conversion_sync.yaml.

    `shape` is the type of the whole file (`pipeline.configuration.settings_type`).
    Raises ConfigurationError that lists every problem found with its key and remedy; no secret is in it.
    """
    file = path or Path(os.environ.get(VARIABLE) or DEFAULT)
    content = _parsed(file)
    filled = fill_in(content, shape, environment=os.environ, folder=file.absolute().parent)
    hide(*filled.secrets)
    wrong = list(filled.findings)
    try:
        settings = shape.model_validate(filled.content)
    except ValidationError as fault:
        wrong += problems(fault, shape)
    else:
        wrong += findings(settings)
        if not wrong:
            return settings
    raise _error(file, wrong)


def _parsed(file: Path) -> Mapping[object, object]:
    try:
        content: object = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no configuration: {file} does not exist.",
            remedy=f"Copy {EXAMPLE} to {DEFAULT} and fill it in, or name your file with {VARIABLE}.",
        ) from None
    except OSError as fault:
        raise ConfigurationError(
            f"{file} cannot be read: {fault.strerror}.", remedy="Give a readable file."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is not UTF-8 text.", remedy="Save it as UTF-8.") from None
    except yaml.YAMLError as fault:
        raise ConfigurationError(
            f"{file} is not valid YAML{_place(fault)}.", remedy="Check indentation, colons and quotes there."
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{file} holds no configuration.", remedy=f"Write keys and values, as {EXAMPLE} does."
        )
    return content


def _place(fault: yaml.YAMLError) -> str:
    """Only the place: the parser's own text may quote the file, and with it a secret."""
    mark = getattr(fault, "problem_mark", None)
    return "" if mark is None else f": line {mark.line + 1}, column {mark.column + 1}"


def _error(file: Path, wrong: list[Finding]) -> ConfigurationError:
    if len(wrong) == 1:
        only = wrong[0]
        return ConfigurationError(f"{file.name}: {only.key}: {only.problem}", remedy=only.remedy)
    lines = [f"{file.name}: {one.key}: {one.problem} Remedy: {one.remedy}" for one in wrong]
    return ConfigurationError(
        "\n".join([f"{file.name} has {len(wrong)} problems:", *lines]),
        remedy=f"Correct each of them in {file}, then run again.",
    )
