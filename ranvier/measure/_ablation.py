"""What each choice of a setting is worth: one is changed at a time, for several seeds."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ranvier._nearest import meant
from ranvier.errors import RanvierError
from ranvier.text_table import text_table
from ranvier.values import is_number

__all__ = ["Ablation", "Variant", "ablate"]


@dataclass(frozen=True)
class Variant:
    """One setting that differs from the base in ``field``; of the base itself ``field`` is empty.

    Attributes
    ----------
    field, value
        What is changed, and into what.
    figures
        What was measured, by name and in the order of the seeds.
    """

    field: str
    value: Any
    figures: Mapping[str, tuple[float, ...]]

    @property
    def name(self) -> str:
        """As a table has it: ``stem=linear``."""
        return f"{self.field}={self.value}" if self.field else "base"


@dataclass(frozen=True)
class Ablation:
    """A base and its variants, measured with the same seeds."""

    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]

    def __getitem__(self, name: str) -> Variant:
        """The variant of a name such as ``"base"`` or ``"stem=linear"``."""
        found = next((v for v in self.variants if v.name == name), None)
        if found is None:
            names = [v.name for v in self.variants]
            raise RanvierError(f"there is no variant {name!r}: there are {', '.join(names)}.{meant(name, names)}")
        return found

    def difference(self, name: str, figure: str) -> tuple[float, float]:
        """Variant minus base: the mean over seeds, each with itself, and its standard error (NaN for one seed)."""
        one, base = self[name].figures, self.variants[0].figures
        if figure not in base:
            raise RanvierError(f"{figure!r} was not measured: there are {', '.join(base)}.{meant(figure, list(base))}")
        apart = np.subtract(one[figure], base[figure])
        error = float(apart.std(ddof=1) / np.sqrt(len(apart))) if len(apart) > 1 else float("nan")
        return float(apart.mean()), error

    def table(self) -> list[list[str]]:
        """Head and rows as text: the mean of each figure, and of variants the difference from the base with its standard error."""
        names = list(self.variants[0].figures)
        rows = [["variant", *names]]
        for v in self.variants:
            cells = []
            for n in names:
                mean, (apart, error) = float(np.mean(v.figures[n])), self.difference(v.name, n)
                cells.append(f"{mean:.4g} ({apart:+.3g} ± {error:.2g})" if v.field else f"{mean:.4g}")
            rows.append([v.name, *cells])
        return rows

    def __str__(self) -> str:
        return f"{text_table(self.table())}\n{len(self.seeds)} seeds; in brackets: minus base, mean over seeds ± standard error"


def ablate(
    base: Any, changes: Mapping[str, Sequence[Any]], score: Callable[[Any, int], float | Mapping[str, float]], *,
    seeds: Sequence[int] = (0, 1, 2),
) -> Ablation:  # fmt: skip
    """Measure a base setting and every setting that differs from it in one field.

    Fields may name what a network is made of: a cell, encoder, surrogate, stem, number of steps, loss, learning rate. ``score`` makes,
    trains and measures one: the same code for all variants, so that a difference is that of the field.

    Parameters
    ----------
    base
        A dataclass, a mapping, or a TOML file of such.
    changes
        Other values by field.
    score
        ``score(setting, seed)``: one number (``score``), or figures by name.
    seeds
        All settings have the same ones, and differences are taken seed by seed.

    Raises
    ------
    RanvierError
        For a field that the base does not have, a value that is that of the base or given twice, no changes or seeds, a seed given twice, and figures
        that are no finite numbers or differ between settings.

    >>> base = {"stem": "conv", "steps": 4}
    >>> found = rv.measure.ablate(base, {"steps": [1, 2]}, lambda s, seed: s["steps"] + 0.1 * seed)
    >>> round(found.difference("steps=1", "score")[0], 6)
    -3.0
    """
    base = _read(base)
    held = {f.name: getattr(base, f.name) for f in fields(base)} if is_dataclass(base) else dict(base)
    settings = [("", None, base), *_changed(base, held, changes)]
    if not seeds or len(set(seeds)) != len(seeds):
        raise RanvierError(f"seeds={seeds!r}: give at least one, each once.")
    variants: list[Variant] = []
    for field, value, setting in settings:
        made = [_figures(score(setting, seed), field, value) for seed in seeds]
        names = list(variants[0].figures) if variants else list(made[0])
        if any(list(one) != names for one in made):
            odd = next(one for one in made if list(one) != names)
            raise RanvierError(
                f"score gives {', '.join(odd)} for {field or 'base'}, but {', '.join(names)} before: give the same figures for all."
            )
        variants.append(Variant(field, value, {n: tuple(one[n] for one in made) for n in names}))
    return Ablation(tuple(variants), tuple(seeds))


def _read(base: Any) -> Any:
    if isinstance(base, str | os.PathLike):
        try:
            return tomllib.loads(Path(base).read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise RanvierError(f"{os.fspath(base)} is no TOML file: {error}.") from error
    if isinstance(base, Mapping) or (is_dataclass(base) and not isinstance(base, type)):
        return base
    raise RanvierError(f"base={base!r} has no fields: give a dataclass, a mapping, or a TOML file.")


def _changed(base: Any, held: Mapping[str, Any], changes: Mapping[str, Sequence[Any]]) -> list[tuple[str, Any, Any]]:
    if not changes:
        raise RanvierError("changes are empty: name fields and other values of theirs, such as {'steps': [1, 2]}.")
    out: list[tuple[str, Any, Any]] = []
    for field, values in changes.items():
        if field not in held:
            raise RanvierError(
                f"the base has no field {field!r}: there are {', '.join(held)}.{meant(field, list(held))}"
            )
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise RanvierError(f"changes[{field!r}]={values!r}: give a list of other values.")
        for k, value in enumerate(values):
            if value == held[field] or value in values[:k]:
                where = "is that of the base" if value == held[field] else "is given twice"
                raise RanvierError(f"{field}={value!r} {where}: leave it out.")
            changed: Any = replace(base, **{field: value}) if is_dataclass(base) else {**held, field: value}  # pyright: ignore
            out.append((field, value, changed))
    return out


def _figures(given: Any, field: str, value: Any) -> dict[str, float]:
    found = dict(given) if isinstance(given, Mapping) else {"score": given}
    for name, number in found.items():
        if not is_number(number):
            where = f"{field}={value}" if field else "base"
            raise RanvierError(f"score gives {name}={number!r} for {where}: give finite numbers.")
    return {n: float(v) for n, v in found.items()}
