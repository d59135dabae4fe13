"""What a network consists of: its settings, and the methods that describe its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ranvier.connectivity import Connectivity
from ranvier.dynamics import Reset
from ranvier.network.bounds import Bounds
from ranvier.network.checks import check_name, check_source, shape_from, whole
from ranvier.network.fixed import fixed
from ranvier.network.graph import Graph, Memo
from ranvier.network.named import NamedParts
from ranvier.network.options import check_options, several, step_length
from ranvier.network.order import GraphError
from ranvier.network.parts.by_name import Named, Parts
from ranvier.network.parts.connect import Connection, connect
from ranvier.network.parts.delays_of import delays_of
from ranvier.network.parts.fit import check_fit
from ranvier.network.parts.populate import populate
from ranvier.network.parts.population import Population, Relay, emission_of
from ranvier.network.parts.projection import Projection
from ranvier.network.parts.sources import Sources
from ranvier.network.precision import precision_of
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.values import flag

if TYPE_CHECKING:
    from ranvier.distributed import Processes
    from ranvier.storages import Storage
    from ranvier.synapses import Plasticity

__all__ = ["Described"]

Tensor = torch.Tensor


class Described(NamedParts):
    """The parts of a network and how they are joined; :class:`Network` runs them."""

    sources: Sources
    _probe: Tensor
    #: the name and the options by which ``rv.models.create`` made the network, as plain data; files keep it
    made_by: Mapping[str, Any] | None = None
    surrogate: Surrogate | None = fixed("Give surrogate= to the network or to cells when you make them.")
    reset_gradient: Reset = fixed(
        "Give reset= to a call, or reset_gradient= to the network or to cells when you make them."
    )

    def __init__(
        self, *, dt: Any, seed: int = 0, surrogate: Surrogate | None = None, dtype: torch.dtype = torch.float32,
        provider: str | None = None, processes: Processes | None = None, reset_gradient: Reset = "auto",
    ) -> None:  # fmt: skip
        super().__init__()
        check_options(dtype, provider, surrogate, reset_gradient)
        self._processes = several(processes)
        self._dt, self.seed, self.surrogate, self.provider = step_length(dt), whole(seed, "seed"), surrogate, provider
        self.reset_gradient = reset_gradient
        self.populations = cast("Parts[Population]", Named())
        self.projections = cast("Parts[Projection]", Named())
        self.relays = {}
        self.inputs: dict[str, tuple[int, ...] | None] = {}
        self.outputs: list[str] = []
        self.register_buffer("_probe", torch.empty(0, dtype=dtype), persistent=False)
        self.register_load_state_dict_post_hook(_leave_meta)
        self._memo = Memo()
        self.sources = Sources(self._memo.forget)
        #: how much one window may hold; no result depends on it
        self.bounds = Bounds()

    @property
    def dt(self) -> float:
        """The time step in ms, fixed when the network is made: delays, refractory periods and sources are counted in it."""
        return self._dt

    @dt.setter
    def dt(self, value: Any) -> None:
        raise GraphError(
            f"dt={value!r}: the step of a network cannot change, because its delays are already counted in steps of "
            f"{self.dt:g} ms. Make another network with the dt that you want."
        )

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights and outputs; follows ``.float()``, ``.double()``, ``.bfloat16()`` and ``.half()``."""
        return self._buffers["_probe"].dtype  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def device(self) -> torch.device:
        """Where the network lives."""
        return self._buffers["_probe"].device  # pyright: ignore[reportOptionalMemberAccess]

    @property
    def nodes(self) -> list[str]:
        """Names of inputs, sources, populations and relays in the order they were made."""
        return self.graph.nodes

    @property
    def graph(self) -> Graph:
        """Its parts as they are now, for everything that is no method of a network."""
        probe: Tensor = self._buffers["_probe"]  # pyright: ignore[reportAssignmentType]
        dtype, half = precision_of(probe.dtype, probe.device)
        return Graph(
            self._dt, self.seed, dtype, probe.device, self.provider, self.inputs, self.sources, self.populations,
            self.relays, self.projections, self.outputs, self._memo, self.bounds, self._processes, precision=half,
        )  # fmt: skip

    def _name(self, name: str, what: str) -> str:
        check_name(name, self.graph.taken, what)
        self._memo.forget()
        return name

    def input(self, name: str, size: int | tuple[int, ...] | None = None) -> str:
        """Declare an external input, given at every call of the network."""
        self.inputs[self._name(name, "input")] = shape_from(size, f"input {name!r}")
        return name

    def source(self, name: str, source: Any) -> str:
        """Add a stimulus that makes its own emissions (``rv.Poisson``, ``rv.SpikeTrains``, ``rv.TimedArray``, …)."""
        check_source(self.graph, name, source)
        self.sources[self._name(name, "source")] = source
        return name

    def population(
        self, name: str, size: int | tuple[int, ...] | None, cell: Cell | Relay, *, output: bool = False, positions: Any = None,
        **values: Any,
    ) -> str:  # fmt: skip
        """Add ``size`` cells; further values replace the cell's own parameters or initial values.

        Populations of one cell object share its ``rv.Learn`` values, as modules do in torch. With further values a
        population has parameters of its own.

        ``output`` makes its emission a result of calling the network. ``positions`` says where the cells are: coordinates
        [cells, axes], ``rv.Grid``, ``rv.RandomPositions`` or ``rv.Positions``. Returns the name, which :meth:`connect` takes.
        """
        emits = flag(output, f"population {name!r}: output")
        made = populate(self.graph, name, size, cell, positions, values, self.surrogate, self.reset_gradient)
        (self.relays if isinstance(made, Relay) else self.populations)[name] = made  # pyright: ignore[reportArgumentType]
        self._memo.forget()
        if emits:
            self.outputs.append(name)
        return name

    def shape_of(self, name: str) -> tuple[int, ...] | None:
        """Shape of what a part emits, or None while only a call can tell."""
        return self.graph.shape_of(name)

    def connect(
        self, pre: str, post: str | Sequence[str], how: Connectivity | nn.Module | Sequence[nn.Module], *, to: str | None = None,
        weight: Any = 1.0, delay: Any = None, sign: int | None = None, plasticity: Plasticity | None = None, name: str | None = None,
        interpolation: str = "linear", width: Any = None, storage: Storage | None = None, progress: bool = False,
        same_step: bool = False,
    ) -> list[str]:  # fmt: skip
        """Let ``pre`` project to one or several populations.

        Parameters
        ----------
        how
            A rule (``rv.FixedProbability(0.1)``) for single synapses with ``weight`` and ``delay`` each, a transform
            (``rv.Linear(…)``, any stateless torch module), or a list of transforms that act in turn; an empty one carries
            emissions as they are.
        weight, delay
            Of single synapses: a number, an array (one entry per synapse, or a table [pre, post]), a distribution, a
            text in the names of a pair (``"0.1*mV*rand()"``, see ``rv.Where``), or a function of distance; both may be ``rv.Learn``, the delay ``rv.Correlated`` with the weight.
        to
            The port: an input, or a state, to which arrivals are added.
        delay
            Time from the threshold crossing to the arrival: a spike fired in step n arrives in step n + 1 + round(delay/dt).
            Where it is ``rv.Learn``, ``interpolation`` and ``width`` are those of ``rv.Linear``.
        sign
            +1 (excitatory) or -1 (inhibitory): weights must have this sign, and learnable ones are kept to it.
        plasticity
            What single synapses do as the network runs: their weights change, tire, fail (``rv.plasticity``).
        storage
            How the weights of single synapses lie in memory (``rv.storages``); those that are not learnt are stored at once.
        progress
            Show what is built, and its memory.
        same_step
            Emissions arrive in the step in which they are made, as between the parts of :class:`ranvier.Sequential`;
            only through transforms. With ``delay`` they arrive round(delay/dt) steps later.

        Returns the names of the projections.
        """
        request = Connection(
            pre, how, to, weight, delay, sign, plasticity, name, interpolation, width, progress, storage, same_step
        )
        names = []
        for projection in connect(self.graph, request, post):
            self._add(projection)
            names.append(projection.name)
        return names

    def _add(self, projection: Projection) -> None:
        if projection.pre in self.populations and projection.by_spike:
            emission_of(self.populations[projection.pre])  # refuses a cell that emits nothing
        check_fit(self.graph, projection)
        self.projections[projection.name] = projection
        self._memo.forget()
        for population in self.populations.values():
            population._steps.clear()

    def replace_surrogates(self, surrogate: Surrogate) -> None:
        """Give all cells that fire this derivative at the threshold, in place. The spikes stay the same.

        >>> net.replace_surrogates(rv.surrogates.Gaussian(sigma=0.3))
        """
        if not isinstance(surrogate, Surrogate):
            raise GraphError(
                f"surrogate={surrogate!r} is not a surrogate: use one of rv.surrogates, such as rv.surrogates.ArcTan()."
            )
        cells: dict[Cell, Cell] = {}  # populations of one cell share it afterwards, too
        for population in self.populations.values():
            if (cell := population.cell).fires:
                if cell not in cells:
                    cells[cell] = cell.changed(surrogate=surrogate)
                population.take_surrogate(surrogate, cells[cell])
        self._memo.forget()

    def delays(self, name: str) -> Tensor:
        """Delays of a projection in ms as a run has them, fixed ones on whole steps: one, or one for each synapse."""
        return delays_of(self.graph, name)


def _leave_meta(net: Any, _: Any) -> None:
    """Follow tensors that loading has put in the place of those on the device "meta" (``assign=True``)."""
    devices = {q.device for q in net.parameters()}
    if net.device.type == "meta" and len(devices) == 1 and (device := devices.pop()).type != "meta":
        net._buffers["_probe"] = torch.empty(0, dtype=net._buffers["_probe"].dtype, device=device)
        for population in net.populations.values():
            population.fill_surrogate(device)
