"""What systems and alerts are called on screens: titles of people, where the record has names of machines."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from auditor.in_force import newest_config, system_names
from auditor.store import tables as t
from dashboards.place import Place
from monitors.catalogue import CatalogueError, measure_named
from reports.numbers import item_name, slice_name

_CONTRASTS: Final = {"rest": "against everyone else"}
#: What alerts are about beside measures of the catalogue.
_OTHERS: Final = {"stale_after_days": "Age of the newest output", "job": "Scheduled job", "notices": "Notices"}


def titles(place: Place) -> dict[str, str]:
    """The title of every system by its settings in force, else its name; read once for each change of settings."""
    (newest,) = place.ledger.read(sa.select(sa.func.max(t.configs.c.seq).label("seq")))
    names = tuple(system_names(place.ledger))

    def make() -> dict[str, str]:
        found = {name: newest_config(place.ledger, name) for name in names}
        return {name: (config[1].title if config else "") or name for name, config in found.items()}

    return place.remembered.of(("titles", names, newest["seq"]), make)


def about(row: Mapping[str, Any] | sa.RowMapping) -> str:
    """What an alert is about: the measure by its title, then finding, group and comparison.

    >>> about({"measure": "sensitivity", "item": "", "slice": "age=65+ & sex=F", "contrast": "rest"})
    'Sensitivity, age 65+, sex F, against everyone else'
    >>> about({"measure": "stale_after_days", "item": "", "slice": "all"})
    'Age of the newest output'
    """
    try:
        title = measure_named(row["measure"]).title
    except CatalogueError:
        title = _OTHERS.get(row["measure"], row["measure"].replace("_", " "))
    group = row.get("slice", "all")
    where = "" if group in ("all", "") else slice_name(group)
    parts = (title, item_name(row.get("item", "")), where, _CONTRASTS.get(row.get("contrast", ""), ""))
    return ", ".join(filter(None, parts))
