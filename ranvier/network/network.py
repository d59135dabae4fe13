"""A network: populations joined by projections. The same object is simulated, trained, fitted and saved."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import torch
from torch import nn

from ranvier.connectivity import Connectivity
from ranvier.dynamics import WHOLE, Cuts, Reset
from ranvier.network.bounds import Bounds
from ranvier.network.checks import check_name, check_source, shape_from, whole
from ranvier.network.fixed import fixed
from ranvier.network.graph import Graph, Memo
from ranvier.network.inner import check_called
from ranvier.network.named import NamedParts
from ranvier.network.options import check_options, several, step_length
from ranvier.network.order import GraphError
from ranvier.network.parts.by_name import Named, Parts
from ranvier.network.parts.connect import Connection, connect
from ranvier.network.parts.delays_of import delays_of
from ranvier.network.parts.fit import check_fit
from ranvier.network.parts.populate import populate
from ranvier.network.parts.population import Population, Relay, emission_of, signal_of
from ranvier.network.parts.projection import Projection
from ranvier.network.parts.sources import Sources
from ranvier.network.plan.plan import Plan
from ranvier.network.plan.planning import plan_asked
from ranvier.network.run.call import call
from ranvier.network.run.execute import Execution
from ranvier.network.run.one_step import as_step, as_window, one_step
from ranvier.network.simulation.run import Run
from ranvier.network.simulation.simulate import Keeping, simulate
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.neurons import Cell
from ranvier.surrogates import Surrogate
from ranvier.values import flag

if TYPE_CHECKING:
    from ranvier.distributed import Processes
    from ranvier.network.output_only import OutputOnly
    from ranvier.network.run.one_step import Who
    from ranvier.network.simulation.gradient_run import GradientRun, Loss
    from ranvier.network.summary import Summary
    from ranvier.storages import Storage
    from ranvier.synapses import Plasticity

__all__ = ["Network"]

Tensor = torch.Tensor


class Network(NamedParts):
    """Populations and projections, advanced in steps of ``dt``.

    Parameters
    ----------
    dt
        Time step.
    seed
        Seeds everything drawn for this network: connectivity, initial values, noise.
    surrogate
        Derivative at the threshold for cells that name none.
    dtype
        float32 or float64.
    provider
        The provider to ask first: ``"cpu"``, ``"reference"`` or one of ``ranvier.kernels.register``; None: all in order.
    processes
        The processes that run the network together, from ``rv.distributed.join()``; None: this process alone (``docs/distributed.md``).
    reset_gradient
        Which gradient a reset passes to its spike in calls and rules that do not say ``reset=``: ``"auto"``, ``"surrogate"``,
        ``"detached"`` or ``"level"`` (``docs/gradients.md``). A cell that names one keeps its own.

    Describe with :meth:`population`, :meth:`source`, :meth:`input` and :meth:`connect`; run with ``net(x)``, :meth:`observe`,
    :meth:`step` and :meth:`run`; look with :meth:`plan` and :meth:`initial_state`. All else is ``torch.nn.Module``.

    >>> net = rv.Network(dt=0.1*ms, seed=1)
    >>> cells = net.population("cells", 100, rv.CurrentLIF())
    >>> run = net.run(100*ms, record={"cells": ["spikes"]})
    """

    sources: Sources
    _probe: Tensor
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
        self._memo = Memo()
        self.sources = Sources(self._memo.forget)
        #: how much one window may hold; no result depends on it
        self.bounds = Bounds()

    # ---- describing ----------------------------------------------------------------------------------------------

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
        """float32 or float64; follows ``.float()`` and ``.double()``."""
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
        return Graph(
            self._dt, self.seed, self.dtype, self.device, self.provider, self.inputs, self.sources, self.populations,
            self.relays, self.projections, self.outputs, self._memo, self.bounds, self._processes,
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
            Of single synapses: a number, an array (one entry per synapse, or a table [pre, post]), a distribution, or a
            function of distance; both may be ``rv.Learn``, the delay ``rv.Correlated`` with the weight.
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

    def _identity(self) -> dict[str, Any]:
        """The network with all its numbers, as checkpoints of runs compare it."""
        from ranvier.network.saving import fingerprint  # files import networks

        return fingerprint(self, learnt=True)

    def delays(self, name: str) -> Tensor:
        """Delays of a projection in ms as a run has them, fixed ones on whole steps: one, or one for each synapse."""
        return delays_of(self.graph, name)

    # ---- planning ------------------------------------------------------------------------------------------------

    def plan(
        self, *, gradient: bool = False, steps: int | None = None, batch: int | None = 1, window: int | None = None,
        checkpoint: int | None = None, dense_inputs: Collection[str] = (), cuts: Cuts = WHOLE,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> Plan:  # fmt: skip
        """The kernel of each part in a call, and the reason.

        Parameters
        ----------
        gradient, window, checkpoint, cuts
            As the call, or the learning rule, has them; a call records gradients outside ``torch.no_grad()``.
        steps, batch
            Size of the call; None stands for many.
        dense_inputs
            Inputs with at least 30 % nonzero numbers; a call inspects a sample.
        shapes
            Shapes of undeclared inputs, without time and batch; the default is a row of numbers.
        """
        return plan_asked(self.graph, gradient, steps, batch, window, checkpoint, dense_inputs, cuts, shapes)

    def summary(self, *, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Summary:
        """A table of the parts: shapes, learnt parameters, operations per step, provider and time constants.

        ``shapes`` gives the shapes of inputs without a size, without time and batch. The table shows an unknown shape as "?".
        """
        from ranvier.network.summary import summarize  # imported only by who looks

        return summarize(self.graph, self.plan(shapes=shapes), shapes)

    # ---- running -------------------------------------------------------------------------------------------------

    def initial_state(
        self, batch: int = 1, *, stream: int | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> State:
        """A fresh state: given initial values, silence in flight.

        ``stream`` selects the random numbers: of initial values here, of sources and noise later. None takes a new
        stream from torch's generator. Sample b has the same numbers for any ``batch``.
        """
        return initial_state(self.graph, batch, stream, shapes)

    @property
    def inner_network(self) -> Network:
        """The network whose parts stand in the place of this one in ``rv.Sequential``."""
        check_called(self, Network)
        return self

    def _who(self) -> Who:
        """What a step that is set up once depends on, beside the parts."""
        return self._buffers["_probe"].dtype, self.provider  # pyright: ignore[reportOptionalMemberAccess]

    def _plainly(self) -> Who | None:
        """The same; None where a step must be a call of the module: in torch.compile, with hooks, or with another ``forward``."""
        called = torch.compiler.is_compiling() or self._forward_hooks or self._forward_pre_hooks
        return None if called or type(self).forward is not Network.forward else self._who()

    def _run(self, x, state: State | None, record: Mapping[str, Sequence[str]], **how: Any) -> Execution:
        if torch.compiler.is_compiling():
            from ranvier.network.run.compiled import compiled  # imported only by who compiles

            return compiled(self, x, state, record, how)
        return call(self.graph, x, state, record, **how)

    def forward(
        self, x: Tensor | Mapping[str, Tensor] | None = None, state: State | None = None, **how: Any
    ) -> tuple[Any, State]:
        """Run the network over an input [T, B, …]; returns (output, state after).
        Without ``x``, ``duration`` and ``batch`` say how many trials of a network of sources are run, and how long.
        ``values={"exc": {"tau_m": [10, 20]*ms}}`` gives each sample parameters of its own, [B] or [B, *shape].

        The output is the emission of the output population, or a dict by name where there are several. After a sample's
        own steps (``lengths`` [B]) the output is zero, and its state is kept. Random numbers (sources, noise, initial
        values) are new for every sample and call. ``stream=n`` selects those of stream n, and a state continues its own
        stream. ``window`` and ``checkpoint`` are numbers of steps: the gradient is truncated after a window, and steps
        between checkpoints are computed again. ``reset`` says which gradient a reset passes to its spike:
        ``"surrogate"``, that of the spike; ``"detached"``, none; ``"level"``, none to what the threshold compares;
        ``"times"``, that of the spike's time. ``"auto"`` (the default) takes the surrogate where spikes of a population
        are read, and detaches where its variables are read, unless the cell or the network names a ``reset_gradient``
        (``docs/gradients.md``).
        """
        if (
            state is not None
            and not torch.compiler.is_compiling()
            and not how
            and isinstance(x, Tensor)
            and x.ndim == 3
            and len(x) == 1
            and not torch.is_grad_enabled()
        ):
            done = one_step(self._memo, self._who(), x[0], state)
            if done is not None:
                return as_window(done[0]), done[1]
        if not self.outputs:
            raise GraphError("the network has no output: make a population with output=True.")
        emit = {n: signal_of(self.populations[n]) if n in self.populations else "x" for n in self.outputs}
        run = self._run(x, state, {n: (e,) for n, e in emit.items()}, **how)
        out = {n: run.recorded[n, e] for n, e in emit.items()}
        return (next(iter(out.values())) if len(out) == 1 else out), run.state

    def observe(
        self,
        x: Tensor | Mapping[str, Tensor] | None = None,
        state: State | None = None,
        *,
        record: Mapping[str, Sequence[str]],
        **how: Any,
    ) -> dict[str, dict[str, Tensor]]:
        """Hidden signals [T, B, …] by population and variable, with gradient; zero after a sample's end (``lengths``).

        ``how`` are the arguments of a call: ``window``, ``checkpoint``, ``reset``, ``lengths``, ``stream``, ``values``. Without ``x``, a network
        of sources runs a batch of trials: ``net.observe(duration=100*ms, batch=32, record={"exc": ["spikes"]})``.
        """
        run = self._run(x, state, record, **how)
        return {n: {v: run.recorded[n, v] for v in variables} for n, variables in record.items()}

    def step(self, x: Tensor, state: State | None = None, *, reset: Reset = "auto") -> tuple[Any, State]:
        """One step: ``x`` [B, …] -> (output [B, …], state); ``reset`` as in a call."""
        if state is not None and reset == "auto" and (who := self._plainly()) is not None:
            done = one_step(self._memo, who, x, state)
            if done is not None:
                return done
        out, after = self(x.unsqueeze(0), state, reset=reset)
        return as_step(out), after

    def __repr__(self) -> str:
        from ranvier.network.text import written  # imported only by who looks

        return written(self.graph, type(self).__name__)

    def output_only(self) -> OutputOnly:
        """The same network as a module whose call gives the output alone, for ``torch.nn.Sequential``: ``y = net.output_only()(x)``."""
        from ranvier.network.output_only import OutputOnly  # imported only by who asks

        return OutputOnly(self)

    def stepper(self, state: State | None = None, *, batch: int | None = None, stream: int | None = None) -> Any:
        """A :class:`Stepper` from ``state`` or a fresh one (the numbers of :meth:`step` in less time, without gradient).

        ``batch`` is the batch size of a fresh state (None: 1); ``stream`` selects the random numbers, as in :meth:`run`.
        A network without inputs gives a :class:`SimulationStepper`, which advances it with its own sources.
        """
        from ranvier.network.stepper import stepper  # imported only by who steps

        return stepper(lambda: self.graph, self.step, self._plainly, state, batch, stream)

    @overload
    def run(
        self, duration: Any, state: State | None = None, *, grad: Literal[True], record: Mapping[str, Sequence[str]] | None = None,
        segment: Any = None, loss: Loss | None = None, progress: bool = False, stream: int | None = None,
        reset: Reset | None = None, inputs: Any = None,
    ) -> GradientRun: ...  # fmt: skip

    @overload
    def run(
        self, duration: Any, state: State | None = None, *, record: Mapping[str, Sequence[Any]] | None = None, every: Any = None,
        to: str | os.PathLike[str] | None = None, checkpoint: str | os.PathLike[str] | None = None, checkpoint_every: Any = None,
        progress: bool = False, grad: Literal[False] = False, stream: int | None = None, inputs: Any = None,
    ) -> Run: ...  # fmt: skip

    def run(
        self, duration: Any, state: State | None = None, *, record: Mapping[str, Sequence[Any]] | None = None, every: Any = None,
        to: str | os.PathLike[str] | None = None, checkpoint: str | os.PathLike[str] | None = None, checkpoint_every: Any = None,
        progress: bool = False, grad: bool = False, segment: Any = None, loss: Loss | None = None, stream: int | None = None,
        reset: Reset | None = None, inputs: Any = None,
    ) -> Run | GradientRun:  # fmt: skip
        """Simulate for ``duration`` with the network's own sources, and with what is given for its inputs.

        Parameters
        ----------
        state
            Where to go on from (``run.state``); None starts afresh.
        record
            ``{"exc": ["spikes", "v"]}``: names, ``rv.Sample(…)`` for chosen cells at an interval of their own,
            ``rv.SpikeStatistics(…)`` for statistics without keeping spikes. Sources have ``"spikes"`` too.
        every
            Recording interval of variables; every step by default.
        to
            A new folder to which records are streamed in the Zarr format, so that memory does not grow; read it with
            :func:`rv.load_records`, or with zarr.
        checkpoint
            A folder for checkpoints. The same call again goes on from the last one, to the same bits; records are then
            streamed to ``to``, or into this folder.
        checkpoint_every
            Time of the simulation between checkpoints; 1 s by default.
        progress
            Show a progress bar with the real-time factor.
        grad
            Give tensors [T, 1, N] with gradient, as :meth:`observe` does: to weights, delays, parameters and initial values
            that are ``rv.Learn``, to ``state``, and to the tensor of an ``rv.TimedArray``.
        segment
            With ``grad``: a time after which only the state is kept; what lies between is computed again on the way back.
        loss
            With ``grad``: ``loss(signals, step)`` of each segment's signals and first step; ``run.loss`` is their sum, and
            no signal is kept.
        stream
            The random stream, 0 to 2^32 - 1; None continues that of ``state``, or takes a new one from torch's
            generator, so that every run differs. ``run.state.stream`` holds it.
        reset
            With ``grad``: which gradient a reset passes to its spike, as in a call; ``"auto"`` by default.
        inputs
            External inputs, by name or the only one: arrays [T, N], or sources of plain numbers. Those left out are zero, and named.

        Returns a :class:`Run`: ``run["exc"].spikes``, ``run["exc"].v`` [samples, cells], ``run.state``. Ctrl-C ends the
        run at the next block: ``run.stopped`` says so, and all that was done is there. In a run of a single block it raises
        ``KeyboardInterrupt`` at the end of the block. With ``grad`` it is a
        :class:`GradientRun`.

        Raises
        ------
        NonFiniteError
            Where a variable becomes NaN or infinite: naming population, cell and step; ``error.run`` is what was done.
        RecordingError
            Where records or checkpoints cannot be written; ``error.run`` is what was done.
        StateError
            Where the checkpoint belongs to another run.
        GraphError
            With ``grad``, for what has none: plastic and procedural synapses, records that are streamed or sampled.
        """
        flag(progress, "progress")
        if flag(grad, "grad"):
            from ranvier.network.simulation.gradient_run import run_with_gradient  # what most runs never use

            kept = {"every": every, "to": to, "checkpoint": checkpoint, "checkpoint_every": checkpoint_every}
            how = "auto" if reset is None else reset
            return run_with_gradient(
                self.graph, duration, state, record or {}, segment, loss, progress, kept, stream, how, inputs
            )
        for word, value in (("segment", segment), ("loss", loss), ("reset", reset)):
            if value is not None:
                raise GraphError(f"{word}={value!r} belongs to grad=True: add it, or leave {word} out.")
        keeping = Keeping(self._identity, to, checkpoint, checkpoint_every)
        return simulate(self.graph, duration, state, record or {}, every, progress, keeping, stream, inputs)
