"""Which network earned the money, by every credit model side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from conversion_sync.reports.span import span
from conversion_sync.store.queries import query

if TYPE_CHECKING:
    import pandas as pd

NOBODY = "none"
"""The network of what no click led to."""


def credit_by_network(
    engine: Engine, models: Sequence[str], start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """Minor units of the events of [start, end): a row per (currency, exponent, network), a column a model.

    Every column of a currency adds up to its net, for what no click led to stands under `none` in each.
    """
    import pandas as pd

    with engine.connect() as connection:
        rows = connection.execute(query("reports/credit_by_network"), span(start, end)).mappings().all()
    keys = ["currency", "exponent", "network"]
    found = pd.DataFrame(rows, columns=["model", *keys, "credit_minor"])
    credited = found[found["network"] != NOBODY]
    table = credited.pivot_table(index=keys, columns="model", values="credit_minor", aggfunc="sum")
    table = table.reindex(columns=list(models)).fillna(0)
    nobody = found[found["network"] == NOBODY].set_index(keys)["credit_minor"]
    table = pd.concat([table, pd.DataFrame(dict.fromkeys(models, nobody))])
    return table.astype("int64").sort_index()
