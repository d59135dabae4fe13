"""A population: a cell times a size, with its parameters as tensors."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Self, cast

import numpy as np
import torch
from torch import nn

from ranvier.connectivity import Positions
from ranvier.dynamics import COUNTER, Reset, Step, exact_step, time_apart
from ranvier.errors import EquationError, ShapeError
from ranvier.kernels import eager
from ranvier.network.checks import shape_from
from ranvier.network.fixed import fixed
from ranvier.network.habits import Habits
from ranvier.network.order import GraphError
from ranvier.network.parts.cell_norm import norm_of
from ranvier.network.parts.computed_starts import computed_starts
from ranvier.network.precision import kept_wide
from ranvier.neurons import Cell
from ranvier.neurons.values import check_drawn
from ranvier.noting import Noting
from ranvier.surrogates import ArcTan, Surrogate
from ranvier.units import UNITS, as_quantity
from ranvier.values import Distribution, Learn, key_of, scale_of

__all__ = ["Population", "Relay", "emission_of", "signal_of", "start_of", "tensor_of"]

Tensor = torch.Tensor
_TIME = UNITS["ms"].dimension
#: a learnable time constant never falls below this many ms, or below its smallest start
_LEAST_TAU = 1e-3


def tensor_of(value: Any, shape: tuple[int, ...] | None, seed: int, name: str) -> Tensor:
    """A number, array or distribution as a float64 tensor: a scalar, or one value per cell."""
    if isinstance(value, Distribution):
        if shape is None:
            raise ShapeError(
                f"{name}={value!r} draws one value per cell, but the population has no size yet: give it one, for example LIF(256, …)."
            )
        return torch.from_numpy(value.draw(math.prod(shape), seed, name)).reshape(shape)
    number = as_quantity(value).value
    tensor = (
        number.detach().to(torch.float64)
        if isinstance(number, Tensor)
        else torch.from_numpy(np.array(number, dtype=np.float64))
    )
    if tensor.ndim == 0:
        return tensor
    if shape is None:
        raise ShapeError(
            f"{name} has one value per cell (shape {tuple(tensor.shape)}), but the population has no size yet: give it one, for example LIF(256, …)."
        )
    try:
        return tensor.expand(shape).clone(memory_format=torch.contiguous_format)
    except RuntimeError:
        raise ShapeError(
            f"{name} has shape {tuple(tensor.shape)}, which does not fit a population of shape {shape}."
        ) from None


def start_of(value: Any, shape: tuple[int, ...], seed: int, name: str, stream: int) -> Tensor:
    """Where a variable starts, float64 [B, …], or what all of ``shape`` share.

    A distribution is drawn anew for every sample and ``stream``; number i of sample b is number b*size + i.
    """
    if not isinstance(value, Distribution):
        return tensor_of(value, shape[1:], seed, name)
    from ranvier.kernels.drawing import counted_uniforms  # not needed by networks with given values

    drawn = value.quantile(counted_uniforms(key_of(seed, name), math.prod(shape), stream=stream))
    return torch.from_numpy(drawn).reshape(shape)


class Population(Habits, Noting):
    """A cell times a size.

    ``shape`` may be None in a ``Sequential``: it is then what arrives, and all parameters are shared. ``like`` is another
    population of the very same cell, whose learnable values this one uses too.
    """

    surrogate: Surrogate = fixed("Give surrogate= to the cell or to the network when you make it.")
    #: what "auto" means for its resets, as its cell or the network says
    reset_gradient: Reset = fixed("Give reset= to a call, or reset_gradient= to the cell or network when you make it.")

    def __init__(
        self, name: str, cell: Cell, shape: tuple[int, ...] | None, *, surrogate: Surrogate | None = None, seed: int = 0,
        dtype: torch.dtype = torch.float32, like: Population | None = None, reset_gradient: Reset = "auto",
    ) -> None:  # fmt: skip
        super().__init__()
        self.name, self.cell, self.shape, self.seed = name, cell, shape, seed
        self.positions: Positions | None = None
        self.surrogate = cell.surrogate or surrogate or ArcTan()
        self.reset_gradient = cast("Reset", cell.reset_gradient or reset_gradient)
        self.bounds: dict[str, tuple[float | None, float | None]] = {}
        self._steps: dict[tuple[tuple[str, ...], bool], Step] = {}
        self._computed: tuple[tuple, dict[str, Tensor]] | None = None
        self.membrane_norm = None if cell.membrane_norm is None else norm_of(cell.membrane_norm, name, shape, dtype)
        for label, value in cell.parameters.items():
            if cell.membrane_norm is not None and label in cell.membrane_norm.numbers:
                continue
            if hasattr(self, label):
                raise EquationError(
                    f"{label!r} cannot name a parameter of a population: it is a word of torch modules; rename it.",
                    line=label,
                )
            self._keep(label, value, dtype, like)
        for variable, value in cell.initial.items():
            if isinstance(value, Learn):
                self._keep(_start_of(variable), value, dtype, like)
        self._hold_surrogate()

    def _cells(self) -> tuple[str | None, Collection[str]]:
        """Its name, and the variables of its cells."""
        own = self.__dict__
        return own.get("name"), own["cell"].system.states if "cell" in own else ()

    def _instead_of(self, name: str) -> str:
        if name not in self.__dict__.get("_labels", ()):
            return super()._instead_of(name)
        return (
            f", because something removed its value {name!r}, as a parametrization of torch does on a layer: register it on the "
            f"population itself, layer.network[{self.name!r}]."
        )

    def _keep(self, label: str, value: Any, dtype: torch.dtype, like: Population | None) -> None:
        if like is not None and isinstance(value, Learn):
            shared = getattr(like, label)
            if shared.ndim and like.shape != self.shape:
                raise ShapeError(
                    f"{self.name!r} has the cell of {like.name!r}, so they share {label}, one value for each of {like.shape} cells, "
                    f"but {self.name!r} has shape {self.shape}: give it a cell of its own, or one value for all."
                )
            self.bounds[label] = like.bounds[label]
            self.register_parameter(label, shared)
            return
        if not isinstance(value, Learn):
            drawn = tensor_of(value, self.shape, self.seed, f"{self.name}.{label}")
            check_drawn(label, value, drawn, self.name, self.cell.positive)
            self.register_buffer(label, drawn)
            return
        start = tensor_of(value.value, self.shape, self.seed, f"{self.name}.{label}")
        if value.each:
            if self.shape is None:
                raise ShapeError(
                    f"{label}={value!r} wants a value per cell, but the population has no size yet: give it one, for example LIF(256, …)."
                )
            start = start.expand(self.shape).clone(memory_format=torch.contiguous_format)
        low = value.min
        if low is None and label in self.cell.positive and value.dimension == _TIME:
            low = min(_LEAST_TAU, float(start.min()))
        self.bounds[label] = (low, value.max)
        self.register_parameter(label, nn.Parameter(start.to(dtype)))

    def forward(
        self, arrivals: Mapping[str, Tensor], *, run: Callable[[Mapping[str, Tensor]], Tensor | None]
    ) -> Tensor | None:
        """What the cells emit [T, B, …] for what arrives at their ports; a hook sees both."""
        return run(arrivals)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """As of any module, but half precision leaves the numbers of cells as they are.

        Behind the device "meta" the numbers of the surrogate, which no state_dict holds, are written again.
        """
        numbers = self.surrogate.values
        empty = any(t.is_meta for n in numbers if (t := self._buffers[n]) is not None)
        super()._apply(kept_wide(fn), recurse)
        if empty:
            self.fill_surrogate()
        return self

    def _hold_surrogate(self, device: torch.device | None = None) -> None:
        self._labels = (*self.cell.parameters, *self.surrogate.values)
        for label, value in self.surrogate.values.items():
            self.register_buffer(label, torch.tensor(value, dtype=torch.float64, device=device), persistent=False)

    def take_surrogate(self, surrogate: Surrogate, cell: Cell, *, reset: bool = False) -> None:
        """Take another derivative at the threshold, in place; ``cell`` is its own with this surrogate. Plans made before are void.

        With ``reset`` the gradient of the reset becomes that of ``cell``, too.
        """
        device = next(b.device for n in self.surrogate.values if (b := self._buffers[n]) is not None)
        for label in self.surrogate.values:
            delattr(self, label)
        self.__dict__["surrogate"], self.cell = surrogate, cell
        if reset:
            self.__dict__["reset_gradient"] = cast("Reset", cell.reset_gradient or "auto")
        self._hold_surrogate(device)
        self._steps.clear()

    def spread_surrogate(self, widths: Tensor) -> None:
        """Give the surrogate a width for each sample, [B, 1, …], until :meth:`fill_surrogate`."""
        self._buffers["surrogate_width"] = widths.to(torch.float64)

    def fill_surrogate(self, device: torch.device | None = None) -> None:
        """Write the numbers of the surrogate anew, on ``device`` or where they are."""
        for label, value in self.surrogate.values.items():
            before = self._buffers[label]
            where = device if before is None or device is not None else before.device
            self._buffers[label] = torch.tensor(value, dtype=torch.float64, device=where)

    def values(self) -> dict[str, Tensor]:
        """Every parameter by name, bounds applied (the gradient passes as if they were not there)."""
        given, bounds = self._buffers, self.bounds
        return {
            n: raw if n not in bounds and (raw := given.get(n)) is not None else self.value(n) for n in self._labels
        }

    def natural_scales(self) -> dict[str, float]:
        """The size of every learnt value that has a physical unit, in base units."""
        learnt = {**self.cell.parameters, **{_start_of(n): v for n, v in self.cell.initial.items()}}
        units = {n: v.dimension for n, v in learnt.items() if n in self.bounds}
        return {n: scale_of(getattr(self, n), *self.bounds[n]) for n, unit in units.items() if not unit.is_none}

    def value(self, label: str) -> Tensor:
        """One parameter, or learnable start, as :meth:`values` has it."""
        raw, (low, high) = self._buffers.get(label), self.bounds.get(label, (None, None))
        if raw is None:  # buffers are most, and torch's own look-up is slow
            normed = {} if self.membrane_norm is None else self.membrane_norm.values()
            raw = normed[label] if label in normed else getattr(self, label)
        if low is None and high is None:
            return raw
        return raw + (raw.detach().clamp(low, high) - raw.detach())

    def value_now(self, label: str) -> Tensor:
        """The same with the same gradient, outside torch's transforms: a single number inside its bounds as it is."""
        low, high = self.bounds.get(label, (None, None))
        raw = self._parameters.get(label)
        if raw is not None and raw.numel() == 1:
            number = raw.item()
            if number and (-math.inf if low is None else low) < number < (math.inf if high is None else high):
                return raw
        return self.value(label)

    @property
    def normalises(self) -> bool:
        """Whether a norm takes the statistics of each step now."""
        return self.membrane_norm is not None and self.membrane_norm.training

    @property
    def emits_numbers(self) -> bool:
        """Whether projections carry another signal of its cells than their spikes."""
        return self.cell.emit not in ("spike", None)

    @property
    def starts_follow(self) -> bool:
        """Whether an initial value follows numbers that may change: it is learnt, or computed by a text."""
        return bool(self.cell.starts) or any(isinstance(value, Learn) for value in self.cell.initial.values())

    @property
    def drawn_starts(self) -> frozenset[str]:
        """The variables whose initial values are drawn."""
        texts = {start.variable for start in self.cell.starts if start.draws}
        return frozenset(texts | {n for n, v in self.cell.initial.items() if isinstance(v, Distribution)})

    @property
    def learnt_starts(self) -> frozenset[str]:
        """The variables whose initial values are learnt, or computed from a learnt parameter."""
        learnt = {n for n in self.bounds if getattr(self, n).requires_grad}
        texts = {start.variable for start in self.cell.starts if not learnt.isdisjoint(start.program.reads)}
        return frozenset(texts | {n for n in self.cell.initial if _start_of(n) in learnt})

    def learnt_start(self, variable: str) -> nn.Parameter:
        """The initial value of a variable whose cell marks it as learnable."""
        return getattr(self, _start_of(variable))

    def fold_norm(self) -> None:
        """Make the factors and shifts of its norm plain parameters of its cell, in place."""
        if self.membrane_norm is None:
            return
        with torch.no_grad():
            numbers = {n: v.detach().clone() for n, v in self.membrane_norm.values().items()}
        self.cell = self.cell.changed(
            membrane_norm=None, values={**self.cell.values, **{n: v.cpu().numpy() for n, v in numbers.items()}}
        )
        self.membrane_norm = None
        for label, value in numbers.items():
            self.register_buffer(label, value.to(torch.float64))

    def step(self, kicks: tuple[str, ...], times: bool = False) -> Step:
        """The program of one step when projections arrive on the states ``kicks``; ``times`` as in ``Cell.step``."""
        if (kicks, times) not in self._steps:
            self._steps[kicks, times] = exact_step(time_apart(self.cell.step(kicks, self.surrogate, times)))
        return self._steps[kicks, times]

    def coefficients(self, step: Step, dt: float) -> dict[str, Tensor]:
        """Every coefficient of ``step`` in float64, as tensors of their own."""
        return {n: c.clone() for n, c in self.coefficients_in_use(step, dt).items()}

    def coefficients_in_use(self, step: Step, dt: float) -> dict[str, Tensor]:
        """Every coefficient, read-only; computed anew where one has a gradient or a number changed."""
        values = self.values()
        asked = torch.is_grad_enabled()
        if any(v.numel() != 1 or (asked and v.requires_grad) for v in values.values()):
            return eager.coefficients(step, values, dt)
        device = next((v.device for v in values.values()), None)
        key = (step, dt, device, torch.is_inference_mode_enabled(), [v.item() for v in values.values()])
        if self._computed is None or self._computed[0] != key:
            self._computed = key, eager.coefficients(step, values, dt)
        return dict(self._computed[1])

    def initial(
        self, batch: int, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device, stream: int = 0
    ) -> dict[str, Tensor]:
        """Initial variables [batch, *shape]; variables without a value start at 0, drawn ones come from ``stream``."""
        out, whole, starts = {}, (batch, *shape), {}
        for n in self.cell.system.states:
            given = self.cell.initial.get(n, 0.0)
            if isinstance(given, Learn):
                starts[n] = self.value(_start_of(n))
            elif not isinstance(given, str):
                starts[n] = start_of(given, whole, self.seed, f"{self.name}.{n}", stream)
        if self.cell.starts:
            known = {**self.values(), **starts}
            starts |= computed_starts(self.cell, known, whole, self.seed, self.name, stream)
        for n in self.cell.system.states:
            start = starts[n].to(device=device, dtype=torch.float64 if n in self.cell.system.times else dtype)
            out[n] = start.expand(whole).clone(memory_format=torch.contiguous_format)
        if self.cell.system.refractory:
            out[COUNTER] = torch.zeros(batch, *shape, dtype=torch.int32, device=device)
        return out

    def extra_repr(self) -> str:
        return f"{self.shape}, {self.cell!r}"


def emission_of(population: Population) -> str:
    """The name of what the cells emit: the spike or a variable."""
    if population.cell.emit is None:
        raise GraphError(
            f"{population.name!r} emits nothing: give its cell a threshold, or say what it emits, such as emit='v'."
        )
    return population.cell.emit


def signal_of(population: Population) -> str:
    """What the cells emit, under the name by which it is recorded."""
    emit = emission_of(population)
    return "spikes" if emit == "spike" else emit


def _start_of(variable: str) -> str:
    """The name under which a learnable initial value is kept."""
    return f"{variable}_0"


class Relay:
    """A population without state: it emits the sum of what arrives.

    ``size`` may be None in a ``Sequential``. Use it to join branches.

    >>> junction = net.population("junction", 400, rv.Relay())
    >>> names = net.connect("exc", "junction", rv.OneToOne())
    """

    def __repr__(self) -> str:
        return f"Relay({'' if self.size is None else self.size})"

    def __init__(self, size: int | tuple[int, ...] | None = None) -> None:
        self.size = shape_from(size, "Relay")
