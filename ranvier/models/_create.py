"""Networks by name, and their cards."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch

from ranvier._nearest import meant
from ranvier.errors import RanvierError
from ranvier.models._card import Card
from ranvier.models._folder import card_in, network_in, trained
from ranvier.models._options import checked, parted
from ranvier.models._registry import known, model
from ranvier.network import Network
from ranvier.values import is_whole

__all__ = ["card", "create", "example", "list_models"]


def create(name: str, **options: Any) -> Network:
    """Create a network by name. ``"sew_mini"`` has new weights; the names in ``rv.models.list("*.*")`` have trained ones.

    New weights come from torch's generator: call ``torch.manual_seed`` first for the same ones. ``options`` are those of the model
    (:func:`card` shows them with their defaults), and ``dtype``, ``provider``, ``reset_gradient``, ``seed`` and ``surrogate`` of
    ``rv.Sequential``. A trained network has the options of its card. The network remembers name and options as ``net.made_by``, and so does
    a folder that ``rv.save`` writes.

    Raises
    ------
    RanvierError
        Where the model, an option or the trained weights do not exist.
    ShapeError
        Where an option is not a possible size.

    >>> net = rv.models.create("sew_mini", channels=(8, 16))
    >>> out, state = net(rv.models.example("sew_mini"))
    """
    if not isinstance(name, str) or "." not in name:
        entry = model(name)
        own, words = parted(options, entry.forwards)
        chosen = entry.options(own)
        net = entry.build(**chosen, **words)
        net.made_by = {"model": name, "options": chosen}
        return net
    folder = _trained(name)
    found = card_in(folder)
    entry = model(found.name.partition(".")[0])
    fixed = entry.options(found.options)
    for option, value in checked(name, options, entry.defaults).items():
        if value != fixed[option]:
            raise RanvierError(
                f"{name} was trained with {option}={fixed[option]!r}, not {value!r}: leave it out, or make "
                f"{entry.name!r} with new weights."
            )
    return network_in(folder, found)


def card(name: str) -> Card:
    """The card of a model; ``str(card)`` is for people.

    Raises
    ------
    RanvierError
        Where the model or the weights do not exist.

    >>> rv.models.card("sew_mini").parameters < 300_000
    True
    """
    if isinstance(name, str) and "." in name:
        return card_in(_trained(name))
    entry = model(name)
    with torch.random.fork_rng(devices=[]):
        net = create(name)
    return entry.card(entry.defaults, net)


def list_models(pattern: str = "*") -> list[str]:
    """The names that match a pattern with ``*`` and ``?``: those of models, and those of trained weights, which have a dot.

    >>> "sew_mini" in rv.models.list("sew*")
    True
    """
    if not isinstance(pattern, str):
        raise RanvierError(f"{pattern!r} is no pattern: give text such as 'sew*', or '*.digits' for trained weights.")
    return [name for name in sorted({*known(), *trained()}) if fnmatchcase(name, pattern)]


def example(name: str, batch: int = 2, steps: int | None = None, *, seed: int = 0) -> torch.Tensor:
    """A random input [T, B, …] in the layout of a model: numbers from 0 to 1, or symbols. It follows from ``seed``.

    Where ``steps`` is None, the card gives it.

    >>> rv.models.example("sew_mini", batch=3).shape
    torch.Size([4, 3, 1, 28, 28])
    """
    found = card(name)
    steps = found.steps if steps is None else steps
    for word, value in (("batch", batch), ("steps", steps)):
        if not is_whole(value):
            raise RanvierError(f"{word}={value!r} must be a positive whole number.")
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, batch, *found.input)
    return (
        torch.randint(found.symbols, shape, generator=generator)
        if found.symbols
        else torch.rand(shape, generator=generator)
    )


def _trained(name: str) -> Path:
    """The folder of trained weights called ``name``."""
    folders = trained()
    if name not in folders:
        first = name.partition(".")[0]
        model(first)
        own = [n for n in folders if n.startswith(f"{first}.")]
        there = f"There are {', '.join(own)}." if own else f"There are none for {first!r}: make it with new weights."
        raise RanvierError(f"there are no trained weights {name!r}.{meant(name, folders)} {there}")
    return folders[name]
