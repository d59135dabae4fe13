"""The spiking network of a traced one: populations for rectifiers, projections for all that lies between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from ranvier.connectivity.computed import make_plain
from ranvier.connectivity.copied import copied
from ranvier.conversion.averages import difference, running_mean
from ranvier.conversion.report import Row
from ranvier.conversion.roles import Adds, Averages, Fires, Maps, Passes, Scales
from ranvier.conversion.trace import Layer, Traced
from ranvier.errors import ConversionError
from ranvier.network import Network, Relay
from ranvier.neurons import Cell

__all__ = ["Builder"]


class Term(NamedTuple):
    """A signal on its way: what ``source`` emits, through the modules of ``chain``, times ``factor``."""

    source: str
    chain: tuple[nn.Module, ...] = ()
    factor: float = 1.0


#: a signal of the trace: the sum of its terms; None for shapes
Signal = tuple[Term, ...] | None


@dataclass
class Builder:
    """Goes through the layers and adds their parts to ``net``, whose cells begin at ``start`` thresholds; ``rows`` say what became of each."""

    net: Network
    cell: Cell
    thresholds: Mapping[str, float]
    start: float
    rows: list[Row] = field(default_factory=list)
    values: dict[str, Signal] = field(default_factory=dict)

    def build(self, traced: Traced) -> None:
        """Add everything from input to output."""
        self.values[traced.start] = (Term(self.net.input("input")),)
        for layer in traced.layers:
            self.values[layer.name] = self._add(layer)
        self._output(self.values[traced.end])

    def _add(self, layer: Layer) -> Signal:
        """The signal after one layer."""
        if all(self.values[n] is None for n in layer.inputs):
            return None  # arithmetic with shapes
        match layer.role:
            case Passes(value=False):
                return None
            case Passes(note=note):
                return self._say(layer, "left out", note, self.values[layer.inputs[0]])
            case Adds():
                both = [self.values[n] or () for n in layer.inputs]
                terms = tuple(t for given in (both * 2 if len(both) == 1 else both) for t in given)
                return self._say(layer, "kept", "a sum", terms)
            case Scales(factor):
                return self._scaled(layer, factor)
            case Maps() as role:
                return self._mapped(layer, role)
            case Averages(module):
                return self._averaged(layer, module)
            case Fires():
                return self._fires(layer)
        raise TypeError(f"{layer.role!r} is no role")

    def _say(self, layer: Layer, became: str, note: str, value: Signal, threshold: float | None = None) -> Signal:
        made = value[0].source if value and (became in ("spiking", "averaged")) else None
        self.rows.append(Row(layer.path, layer.kind, became, note, threshold, made))
        return value

    def _given(self, layer: Layer) -> tuple[Term, ...]:
        """The signal that enters a layer; shapes beside it are left aside."""
        return next(value for n in layer.inputs if (value := self.values[n]) is not None)

    def _scaled(self, layer: Layer, factor: float) -> Signal:
        """A product with a number; a negative one is applied at once, since transforms pass positive ones on."""
        term = self._one(layer.name, self._given(layer))
        term = term._replace(factor=term.factor * factor)
        if factor <= 0:
            term = self._whole(layer.name, (term,))
        return self._say(layer, "kept", f"a factor of {factor:g}", (term,))

    def _mapped(self, layer: Layer, role: Maps) -> Signal:
        term = self._one(layer.name, self._given(layer))
        if role.factor == "nowhere":
            term = self._whole(layer.name, (term,))
        module, note = copied(role.module), ""
        if role.factor == "weight" and term.factor != 1:
            if remedy := make_plain(module, "weight"):
                raise ConversionError(
                    f"{layer.path} computes its weight from others in every call, so the threshold before it has no place there: make it "
                    f"plain first, as in {remedy}."
                )
            with torch.no_grad():
                cast("torch.Tensor", module.weight).mul_(term.factor)
            note = f"weights times {term.factor:.4g}, the threshold of the population before it"
        became = "kept" if role.exact else "approximated"
        note = note or ("" if role.exact else "takes the largest of each step's spikes, not of the rates")
        kept = 1.0 if role.factor == "weight" else term.factor
        row = tuple(module) if type(module) is nn.Sequential else (module,)
        return self._say(layer, became, note, (Term(term.source, (*term.chain, *row), kept),))

    def _averaged(self, layer: Layer, module: nn.Module) -> Signal:
        term = self._whole(layer.name, self._given(layer))
        mean = self.net.population(self._free(f"{layer.name}_mean"), None, running_mean())
        made = self.net.population(self._free(layer.name), None, difference())
        self.net.connect(term.source, mean, term.chain, same_step=True)
        self.net.connect(mean, made, (copied(module),), same_step=True)
        return self._say(layer, "averaged", "evaluated on running means, in floating point", (Term(made),))

    def _fires(self, layer: Layer) -> Signal:
        threshold = self.thresholds[layer.name]
        term = self._whole(layer.name, self._given(layer))
        label = self._free(layer.name)
        made = self.net.population(label, None, self.cell, V_th=threshold, v=self.start * threshold)
        self.net.connect(term.source, made, term.chain, same_step=True)
        return self._say(layer, "spiking", "", (Term(made, (), threshold),), threshold)

    def _output(self, value: Signal) -> None:
        term = self._whole("output", value or ())
        made = self.net.population(self._free("output"), None, Relay(), output=True)
        self.net.connect(term.source, made, term.chain, same_step=True)

    def _one(self, name: str, terms: Sequence[Term]) -> Term:
        """The signal as one term."""
        return terms[0] if len(terms) == 1 else self._whole(name, terms)

    def _whole(self, name: str, terms: Sequence[Term]) -> Term:
        """The signal as one term in its own size: itself, or what a population emits that adds its terms."""
        if len(terms) == 1 and terms[0].factor == 1:
            return terms[0]
        ports = [f"x{k}" for k in range(len(terms))]
        total = " + ".join(f"k{k}*{port}" for k, port in enumerate(ports))
        text = "\n".join([f"y = {total} : 1", *(f"{port} : 1 (input)" for port in ports)])
        factors: dict[str, Any] = {f"k{k}": term.factor for k, term in enumerate(terms)}
        made = self.net.population(self._free(f"{name}_sum"), None, Cell(text, emit="y", name="sum", **factors))
        for port, term in zip(ports, terms, strict=True):
            self.net.connect(term.source, made, term.chain, to=port, same_step=True)
        return Term(made)

    def _free(self, name: str) -> str:
        """A name that nothing else has; those of the trace begin with _ where a module is known by its number."""
        name = f"layer{name}" if name.startswith("_") else name
        taken, k, free = self.net.graph.taken, 1, name
        while free in taken:
            free, k = f"{name}_{k}", k + 1
        return free
