"""One population of cells as a module of torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity.hooks import has_hook
from ranvier.network.habits import Habits
from ranvier.network.inner import check_called, warn_of_own_forward
from ranvier.network.network import Network
from ranvier.network.order import GraphError
from ranvier.network.output_only import OutputOnly
from ranvier.network.recurrent import Recurrent
from ranvier.network.run.one_step import as_sequence, as_step
from ranvier.network.shown import Shown
from ranvier.network.state.state import State, stream_of
from ranvier.neurons import Cell

if TYPE_CHECKING:
    from ranvier.dynamics import Reset
    from ranvier.network.plan.plan import Plan
    from ranvier.surrogates import Surrogate

__all__ = ["Layer"]

Tensor = torch.Tensor


class Layer(Habits, Shown):
    """Cells as a ``torch.nn.Module``: ``out, state = layer(x, state)``.

    x [T, B, *size] is what arrives at the cells in each step; out [T, B, *size] is what they emit: spikes, or the variable of a
    read-out. :meth:`step` takes one step, x [B, *size]. The state is a value: pass it on, or leave it out to start afresh.
    ``cell.layer(dt=…)`` says the same as ``rv.Layer(cell, dt=…)``.

    Values given as ``rv.Learn`` are parameters under their names in the cell (``layer.tau``); all others are buffers. The layer
    runs the kernels of a network of this one population: :attr:`network`, which also simulates, records and plans.

    Parameters
    ----------
    cell
        A cell, or :class:`Recurrent`, whose transform is ``layer.recurrent``. Without a size it takes the shape of ``x``.
    dt
        Time step.
    to
        The port where ``x`` arrives: needed unless the cell has exactly one input. With several ports, ``x`` is a mapping by port.
    seed
        Seeds what is drawn for the layer: parameters and delays. None takes a seed from torch's generator, so that
        layers differ and ``torch.manual_seed`` repeats them.
    surrogate
        Derivative at the threshold where the cell names none.
    dtype
        As in :class:`Network`; ``.double()``, ``.float()`` and ``.bfloat16()`` change it.
    provider
        The provider to ask first, as in :class:`Network`.
    reset_gradient
        Which gradient a reset passes to its spike where the cell names none, as in :class:`Network`.

    Raises
    ------
    GraphError
        Where the port is unknown, or not clear.
    ShapeError, StateError
        In a call, where ``x`` or ``state`` does not fit.

    >>> lif = rv.LIF(128, tau=rv.Learn(10*ms)).layer(dt=1*ms)
    >>> spikes, state = lif(torch.rand(100, 32, 128))
    >>> spikes, state = lif.step(torch.rand(32, 128), state)
    >>> [name for name, _ in lif.named_parameters()]
    ['tau']
    """

    def __init__(
        self, cell: Cell | Recurrent, *, dt: Any, to: str | Sequence[str] | None = None, seed: int | None = None,
        surrogate: Surrogate | None = None, dtype: torch.dtype = torch.float32, provider: str | None = None,
        reset_gradient: Reset = "auto",
    ) -> None:  # fmt: skip
        seed = stream_of() if seed is None else seed
        asked = {"surrogate": surrogate, "dtype": dtype, "provider": provider, "reset_gradient": reset_gradient}
        net, inner = _network(cell, to, dt=dt, seed=seed, **asked)
        (name,) = net.outputs
        population = net.populations[name]
        norm = population.membrane_norm
        super().__init__(net, population, inner if norm is None else {"membrane_norm": norm, **inner})
        self._name, self._inner = name, frozenset(self._modules)

    def _cells(self) -> tuple[str | None, Collection[str]]:
        """The name of its population in the state, and the variables."""
        own = self.__dict__.get("_name")
        return own, () if own is None else self.cell.system.states

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_inner", ()):
            if name not in self.network:
                raise GraphError(f"{name!r} of a layer cannot be replaced: make the layer anew.")
            self.network[name] = value
        super().__setattr__(name, value)

    @property
    def network(self) -> Network:
        """The network of this one population."""
        return self._behind  # pyright: ignore[reportReturnType]

    @property
    def inner_network(self) -> Network:
        """The network whose parts stand in the place of this layer in ``rv.Sequential``."""
        check_called(self, Layer)
        return self.network

    @property
    def cell(self) -> Cell:
        """The equations and their values."""
        return self.network.populations[self._name].cell

    @property
    def dt(self) -> float:
        """The time step in ms."""
        return self.network.dt

    def forward(self, x: Tensor | Mapping[str, Tensor], state: State | None = None, **how: Any) -> tuple[Tensor, State]:
        """What the cells emit over ``x`` [T, B, *size], and the state after; ``how`` as in a call of :class:`Network`."""
        return self.network(x, state, **how)

    def step(
        self, x: Tensor | Mapping[str, Tensor], state: State | None = None, *, reset: Reset = "auto"
    ) -> tuple[Tensor, State]:
        """One step: ``x`` [B, *size] -> (what the cells emit [B, *size], state)."""
        if not has_hook(self) and type(self).forward is Layer.forward:
            return self.network.step(x, state, reset=reset)
        out, after = self(as_sequence(x), state, reset=reset)
        return as_step(out), after

    def observe(
        self, x: Tensor | Mapping[str, Tensor], state: State | None = None, *, record: Sequence[str], **how: Any
    ) -> dict[str, Tensor]:
        """Signals of the cells [T, B, *size] by name, with gradient: ``layer.observe(x, record=["spikes", "v"])``."""
        warn_of_own_forward(self, Layer)
        if not isinstance(record, Iterable):
            raise GraphError(f"record={record!r} must be a list of names, such as record=['spikes'].")
        return self.network.observe(x, state, record={self._name: record}, **how)[self._name]

    def initial_state(self, batch: int = 1, *, stream: int | None = None) -> State:
        """A fresh state of ``batch`` samples; ``stream`` selects the random numbers, as in :class:`Network`."""
        return self.network.initial_state(batch, stream=stream)

    def plan(self, **request: Any) -> Plan:
        """The kernel of a call, and the reason; ``request`` as in :meth:`Network.plan`."""
        return self.network.plan(**request)

    def output_only(self) -> OutputOnly:
        """The same module, whose call gives the output alone, for ``torch.nn.Sequential``: ``y = layer.output_only()(x)``."""
        return OutputOnly(self)

    def extra_repr(self) -> str:
        return f"{self.cell!r}, size={self.network.shape_of(self._name)}, dt={self.dt:g} ms"


class _Delays(Shown):
    """The delays of a recurrent projection, beside the transform that it shows under its own name."""

    def _load_from_state_dict(self, *args: Any) -> None:
        self._behind._load_from_state_dict(*args)  # which also counts the steps anew


def _network(cell: Any, to: Any, **options: Any) -> tuple[Network, dict[str, nn.Module]]:
    """The cells in a network of their own, each port with an input, and the modules inside."""
    only = cell.cell if isinstance(cell, Recurrent) else cell
    if not isinstance(only, Cell):
        raise GraphError(
            f"rv.Layer takes a cell, got {type(cell).__name__}: write rv.Layer(rv.LIF(128), dt=…), or rv.Sequential for several "
            f"parts."
        )
    if to is None and only.default_port is None:
        ports = ", ".join(only.ports) or "none"
        raise GraphError(
            f"{only.name} has the ports {ports}: say where x arrives, with cell.layer(dt=…, to={(only.ports or ('…',))[-1]!r})."
        )
    if not isinstance(to, str | Iterable | None):
        raise GraphError(
            f"to={to!r} must be the name of a port, or a list of names: {only.name} has {', '.join(only.ports)}."
        )
    net = Network(**options)
    name = net.population(only.name, None, only, output=True)
    ports = {"input": to} if to is None or isinstance(to, str) else {port: port for port in to}
    for source, port in ports.items():
        net.input(source, only.size)
        net.connect(source, name, [], to=port, name=f"{source}_to_{name}", same_step=True)
    if not isinstance(cell, Recurrent):
        return net, {}
    net.connect(name, name, cell.how, **cell.options, name="recurrent")
    back = net.projections["recurrent"]
    inner: dict[str, nn.Module] = {"recurrent": net["recurrent"]}
    if back.latency_table is not None:
        inner["recurrent_delays"] = _Delays(back, back, {})
    return net, inner
