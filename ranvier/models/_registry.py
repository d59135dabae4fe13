"""The table of named models, and the decorator that adds one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, getdoc, signature
from typing import Any

from ranvier._nearest import meant
from ranvier.errors import RanvierError
from ranvier.models._card import Card
from ranvier.models._families import FAMILIES
from ranvier.models._options import checked
from ranvier.network import Network

__all__ = ["Build", "Model", "known", "model", "register"]

#: makes a network from its options
Build = Callable[..., Network]
_MODELS: dict[str, Model] = {}


@dataclass(frozen=True)
class Model:
    """A named architecture: ``defaults`` are its options, ``forwards`` says whether it takes words of ``rv.Sequential``."""

    name: str
    family: str
    about: str
    build: Build
    input: tuple[int | str, ...]
    symbols: str | int
    layout: str
    steps: int | str
    streams: bool
    papers: tuple[str, ...]
    defaults: Mapping[str, Any]
    forwards: bool

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All options, those that are ``given`` checked."""
        return {**self.defaults, **checked(self.name, given, self.defaults)}

    def card(self, options: Mapping[str, Any], net: Network) -> Card:
        """The card of the network that these options make."""
        return Card(
            self.name, self.family, self.about, options, tuple(_number(n, options) for n in self.input),
            _number(self.symbols, options), self.layout, _number(self.steps, options), self.streams,
            sum(q.numel() for q in net.parameters()), self.papers,
        )  # fmt: skip


def _number(value: int | str, options: Mapping[str, Any]) -> int:
    return int(options[value]) if isinstance(value, str) else value


def register(
    *, family: str, input: Sequence[int | str], steps: int | str, papers: Sequence[str], symbols: int | str = 0,
    layout: str = "x [T, B, channels, H, W] to currents [T, B, classes]; their mean over steps decides", streams: bool = True,
) -> Callable[[Build], Build]:  # fmt: skip
    """A decorator: the function becomes a model under its own name.

    Its keyword arguments are the options: every one has a default, which is a number, text, a truth value or a tuple of them, so that a card
    can hold it. ``**network`` takes words for ``rv.Sequential``, such as ``dtype`` and ``seed``. The first sentence of its docstring
    describes the model.

    Parameters
    ----------
    family
        Kind of architecture, shared by related models.
    input
        Shape of one sample in one step; the name of an option stands for its value.
    steps
        T of a usual sequence, or the name of an option.
    papers
        Sources: author, venue, year.
    symbols
        For inputs of whole numbers, how many symbols there are, or the name of an option; 0 for real numbers.
    layout
        The axes of input and output.
    streams
        Whether single steps with a state give what the whole sequence gives.

    Raises
    ------
    RanvierError
        Where the name is taken or an option has no plain default.

    >>> @rv.models.register(family="perceptron", input=("inputs",), steps=10, papers=("Rosenblatt, Psychological Review 1958",))
    ... def two_layers(*, inputs: int = 20, hidden: int = 16, **network):
    ...     \"\"\"One hidden layer of leaky cells.\"\"\"
    ...     return rv.Sequential(rv.Linear(inputs, hidden), rv.LIF(hidden), rv.Linear(hidden, 3), dt=1*ms, **network)
    >>> net = rv.models.create("two_layers", hidden=8)
    """

    def add(build: Build) -> Build:
        name = build.__name__
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise RanvierError(f"{name!r} is no name of a model: name the function in small letters, such as sew_mini.")
        other = _MODELS.get(name)
        if other is not None and (other.build.__module__, other.build.__qualname__) != (build.__module__, build.__qualname__):  # fmt: skip
            raise RanvierError(f"there is already a model {name!r}, of {other.build.__module__}: choose another name.")
        about = (getdoc(build) or "").partition("\n")[0]
        if not about:
            raise RanvierError(f"{name} has no docstring: describe the model in one sentence.")
        words = signature(build).parameters
        _MODELS[name] = made = Model(
            name, family, about, build, tuple(input), symbols, layout, steps, streams, tuple(papers),
            _defaults(name, words), any(p.kind is Parameter.VAR_KEYWORD for p in words.values()),
        )  # fmt: skip
        for value in (*made.input, made.symbols, made.steps):
            if isinstance(value, str) and value not in made.defaults:
                del _MODELS[name]
                raise RanvierError(
                    f"{name}: {value!r} is no option.{meant(value, made.defaults)} There are {', '.join(made.defaults)}."
                )
        return build

    return add


def _defaults(name: str, words: Mapping[str, Parameter]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for word, p in words.items():
        if p.kind is Parameter.VAR_KEYWORD:
            continue
        if p.kind is not Parameter.KEYWORD_ONLY or p.default is Parameter.empty:
            raise RanvierError(f"{name}: the option {word!r} must be a keyword with a default, as in (*, {word}=1).")
        entries = p.default if isinstance(p.default, tuple) else (p.default,)
        if not entries or not all(type(e) in (bool, int, float, str) for e in entries):
            raise RanvierError(
                f"{name}: the default of {word!r} is {p.default!r}: give a number, text, a truth value or a tuple of them."
            )
        out[word] = p.default
    return out


def known() -> dict[str, Model]:
    """All models by name; those of the package are imported first."""
    for family in FAMILIES:
        import_module(f"ranvier.models.{family}")
    return dict(sorted(_MODELS.items()))


def model(name: Any) -> Model:
    """The model called ``name``.

    Raises
    ------
    RanvierError
        Where there is none.
    """
    models = known()
    if name not in models:
        raise RanvierError(f"there is no model {name!r}.{meant(name, models)} rv.models.list() gives all names.")
    return models[name]
