"""Rows and published numbers of a thesis table, from the variants in `configs/` that name it."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import json
from collections.abc import Mapping

from ml_collections import ConfigDict

from configs.base import DEMO, Variant
from configs.tables import TABLES, Table
from emojax.catalogue import catalogue
from emojax.errors import ConfigError

DEFAULT_THESIS = "emotion_gcn"


@dataclasses.dataclass(frozen=True)
class Network:
    """The variant that is trained for all rows with its network; `module` is its config file."""

    name: str
    module: str

    def config(self, *, demo: bool) -> ConfigDict:
        """A fresh config of the training."""
        return _config(self.module, self.name, demo)


@dataclasses.dataclass(frozen=True)
class Row:
    """One system of a table.

    Attributes:
        name: of the variant.
        variant: what it changes, its note.
        module: its config file, e.g. ``configs.affectnet_gcn``.
        dataset: what the thesis trains it on.
        published: metric -> value as the table prints it.
        network: what is trained for it: itself, or an earlier variant of the list of systems with the same
            network (an SVM on its features, the central cell of a sweep).
        members: of an ensemble, the rows whose outputs it combines.
    """

    name: str
    variant: Variant
    module: str
    dataset: str
    published: Mapping[str, float]
    network: Network
    members: tuple[Row, ...] = ()

    def config(self, *, demo: bool) -> ConfigDict:
        """A fresh config of the row."""
        return _config(self.module, self.name, demo)


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The cells of a table over hyper-parameters.

    Attributes:
        name: of the sweep.
        cells: cell -> {dotted config field: value}, for the fields that differ between cells.
    """

    name: str
    cells: Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True)
class ThesisTable:
    """A table with its rows in the order of the config files, its sweeps, and the tables filled in with it."""

    thesis: str
    number: str
    printed: Table
    rows: tuple[Row, ...]
    sweeps: tuple[Sweep, ...]
    beside: tuple[ThesisTable, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.thesis}/{self.number}"

    def select(self, names: tuple[str, ...]) -> tuple[Row, ...]:
        """The rows of these names; all for none.

        Raises:
            ConfigError: a name is not a row of this table.
        """
        there = {row.name: row for row in self.rows}
        for name in names:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=3, cutoff=0.5) or list(there)
                raise ConfigError(f"Table {self.name} has no row {name!r}; did you mean {', '.join(near)}?")
        return tuple(row for row in self.rows if not names or row.name in names)


@functools.cache
def _known() -> tuple[list[dict], dict]:
    """Every system, and the network of each, once a process."""
    systems = catalogue()
    return systems, _networks(systems)


def find_table(name: str) -> ThesisTable:
    """The table of a name like ``5.1`` or ``emotic/4.6``.

    Raises:
        ConfigError: no such table; names the near ones.
    """
    thesis, number = name.split("/", 1) if "/" in name else (DEFAULT_THESIS, name)
    if number not in TABLES.get(thesis, {}):
        raise _unknown(name)
    systems, networks = _known()
    rows, sweeps = {}, []
    for entry in systems:
        module = entry["module"]
        variants = {**module.VARIANTS, **getattr(module, "CELLS", {})}
        if entry["family"] != thesis or number not in variants[entry["name"]].tables:
            continue
        for member in entry["cells"] or (entry["name"],):
            variant = variants[member]
            published = variant.published_in(number)
            shown = {m: published[m] for m in TABLES[thesis][number].metrics if m in published}
            network = networks[_identity(module.get_config(member))]
            parts = _members(module, member, networks, entry["dataset"])
            rows[member] = Row(member, variant, module.__name__, entry["dataset"], shown, network, parts)
        if entry["cells"]:
            sweeps.append(_sweep(entry, variants))
    printed = TABLES[thesis][number]
    beside = tuple(find_table(f"{thesis}/{other}") for other in printed.beside)
    return ThesisTable(thesis, number, printed, tuple(rows.values()), tuple(sweeps), beside)


def _members(module, name: str, networks: Mapping[str, Network], dataset: str) -> tuple[Row, ...]:
    """The rows that an ensemble combines; none for a system that is trained."""
    config = module.get_config(name)
    if config.get("family") != "ensemble":
        return ()
    source = module.MEMBERS
    return tuple(
        Row(
            member,
            source.VARIANTS[member],
            source.__name__,
            dataset,
            {},
            networks[_identity(source.get_config(member))],
        )
        for member in config.members
    )


def table_names() -> list[str]:
    """Names that `find_table` knows."""
    return [
        number if thesis == DEFAULT_THESIS else f"{thesis}/{number}"
        for thesis, tables in TABLES.items()
        for number in tables
    ]


def _config(module: str, name: str, demo: bool) -> ConfigDict:
    return importlib.import_module(module).get_config(f"{name}@{DEMO}" if demo else name)


def _unknown(name: str) -> ConfigError:
    known = table_names()
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return ConfigError(f"There is no table {name!r}.{meant} There are {', '.join(known)}.")


def _networks(systems: list[dict]) -> dict[str, Network]:
    """What is trained -> first variant of the list of systems that trains it."""
    first = {}
    for entry in systems:
        for name in (entry["name"], *entry["cells"]):
            network = Network(name, entry["module"].__name__)
            first.setdefault(_identity(network.config(demo=False)), network)
    return first


def _identity(config: ConfigDict) -> str:
    """Text that is equal for configs which train the same network on the same data."""
    fields = {k: v for k, v in config.to_dict().items() if k not in ("name", "svm")}
    return json.dumps(fields, sort_keys=True)


def _sweep(entry: dict, variants: dict[str, Variant]) -> Sweep:
    changes = {name: variants[name].change for name in entry["cells"]}
    fields = [f for f in next(iter(changes.values())) if len({change[f] for change in changes.values()}) > 1]
    return Sweep(entry["name"], {name: {f: change[f] for f in fields} for name, change in changes.items()})
