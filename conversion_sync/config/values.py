"""Values that come from outside the file: secrets from the environment, paths from the file's own folder.

What a key holds is read off the type of the whole file, so that a new secret field is treated as one.
"""

from __future__ import annotations

import re
import types
import typing
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, SecretStr

from conversion_sync.config.settings import Finding, Settings

REFERENCE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
UNKNOWN = "not known"
"""Stands in for a secret that could not be read, so that the rest of the file is still checked."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The file's content with secrets and paths in place, and what kept some of them from it."""

    content: Mapping[object, object]
    findings: tuple[Finding, ...]
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outside:
    environment: Mapping[str, str]
    folder: Path
    literal: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)
    missing: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def fill_in(
    content: Mapping[object, object],
    shape: type[Settings],
    *,
    environment: Mapping[str, str],
    folder: Path,
) -> Filled:
    """`content` with every `env:NAME` of a secret key resolved and relative paths put under `folder`."""
    outside = _Outside(environment=environment, folder=folder)
    whole = {"home": str(Settings.model_fields["home"].default), **content}
    filled = _filled(whole, shape, "", outside)
    found = [
        Finding(
            key,
            "A secret must not be written into the file.",
            "write env:NAME, and set NAME in the environment.",
        )
        for key in outside.literal
    ]
    if outside.missing:
        found.append(_missing(outside.missing))
    return Filled(typing.cast("Mapping[object, object]", filled), tuple(found), tuple(outside.secrets))


def _missing(missing: Mapping[str, list[str]]) -> Finding:
    names = sorted(missing)
    needs = "; ".join(f"{name} (needed by {', '.join(missing[name])})" for name in names)
    return Finding(
        "environment",
        f"These variables are not set: {needs}.",
        f"Set {', '.join(names)} in the environment, then run again.",
    )


def _filled(value: object, annotation: object, key: str, outside: _Outside) -> object:
    kind = plain(annotation)
    if kind is SecretStr:
        return _secret(value, key, outside)
    if kind is Path and isinstance(value, str):
        return str(outside.folder / Path(value).expanduser())
    if isinstance(value, list) and typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        return [_filled(one, element, f"{key}.{place}", outside) for place, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    return {
        name: _filled(inner, child, f"{key}.{name}" if key else str(name), outside)
        if (child := child_of(kind, name)) is not None
        else inner
        for name, inner in value.items()
    }


def _secret(value: object, key: str, outside: _Outside) -> object:
    if value is None:
        return None
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if reference is None:
        outside.literal.append(key)
        return UNKNOWN
    name = reference[1]
    if not outside.environment.get(name):
        outside.missing[name].append(key)
        return UNKNOWN
    outside.secrets.append(outside.environment[name])
    return outside.environment[name]


def plain(annotation: object) -> object:
    """The type inside `X | None` and `Annotated[X, …]`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return plain(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        inner = [one for one in typing.get_args(annotation) if one is not type(None)]
        return plain(inner[0]) if len(inner) == 1 else annotation
    return annotation


def is_secret(annotation: object) -> bool:
    """Whether a value of this type, or of its elements, is one."""
    kind = plain(annotation)
    return kind is SecretStr or any(is_secret(inner) for inner in typing.get_args(kind) if kind is not inner)


def child_of(kind: object, name: object) -> object | None:
    """The type of key `name` under a part, a mapping or a list; None where there is no such key."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        known = kind.model_fields.get(str(name))
        return None if known is None else known.annotation
    if typing.get_origin(kind) is Mapping:
        child: object = typing.get_args(kind)[1]
        return child
    if typing.get_origin(kind) is tuple and isinstance(name, int):
        element: object = typing.get_args(kind)[0]
        return element
    return None
