"""A network: populations joined by projections. The same object is simulated, trained, fitted and saved."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import torch

from ranvier.dynamics import WHOLE, Cuts, Reset
from ranvier.network.checks import check_batch
from ranvier.network.described import Described
from ranvier.network.inner import check_called, warn_of_own_forward
from ranvier.network.order import GraphError
from ranvier.network.plan.plan import Plan
from ranvier.network.plan.planning import plan_asked
from ranvier.network.run.call import call
from ranvier.network.run.execute import Execution
from ranvier.network.run.modes import autocast, function_transform, refuse_modes
from ranvier.network.run.one_step import as_sequence, as_step, as_window, one_step
from ranvier.network.run.outputs import emissions, named_outputs
from ranvier.network.shapes import given_shapes, names_of_inputs, shapes_known
from ranvier.network.simulation.run import Run
from ranvier.network.simulation.simulate import Keeping, simulate
from ranvier.network.state.initial import initial_state
from ranvier.network.state.state import State
from ranvier.values import flag

if TYPE_CHECKING:
    from ranvier.network.output_only import OutputOnly
    from ranvier.network.run.one_step import Who
    from ranvier.network.simulation.gradient_run import GradientRun, Loss
    from ranvier.network.summary import Summary

__all__ = ["Network"]

Tensor = torch.Tensor


class Network(Described):
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
        float32, float64, or bfloat16 and float16 for weights of matrices and convolutions (``docs/precision.md``).
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
        dense, given = names_of_inputs(self.graph, dense_inputs), given_shapes(self.graph, shapes)
        return plan_asked(self.graph, gradient, steps, batch, window, checkpoint, dense, cuts, given)

    def summary(self, *, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Summary:
        """A table of the parts: shapes, learnt parameters, operations per step, provider and time constants.

        ``shapes`` gives the shapes of inputs without a size, without time and batch. The table shows an unknown shape as "?".
        """
        from ranvier.network.summary import summarize  # imported only by who looks

        return summarize(self.graph, self.plan(shapes=shapes), given_shapes(self.graph, shapes))

    def _identity(self) -> dict[str, Any]:
        """The network with all its numbers, as checkpoints of runs compare it."""
        from ranvier.network.saving import fingerprint  # files import networks

        return fingerprint(self, learnt=True)

    # ---- running -------------------------------------------------------------------------------------------------

    def initial_state(
        self, batch: int = 1, *, stream: int | None = None, shapes: Mapping[str, tuple[int, ...]] | None = None
    ) -> State:
        """A fresh state: given initial values, silence in flight.

        ``stream`` selects the random numbers: of initial values here, of sources and noise later. None takes a new
        stream from torch's generator. Sample b has the same numbers for any ``batch``. ``shapes`` are those of inputs, or of
        other parts, that sizes leave open: ``net.initial_state(32, shapes={"input": (1, 28, 28)})``.
        """
        given = given_shapes(self.graph, shapes, every=True)
        known = None if given is None else shapes_known(self.graph, given)
        return initial_state(self.graph, check_batch(batch) or 1, stream, known)

    @property
    def inner_network(self) -> Network:
        """The network whose parts stand in the place of this one in ``rv.Sequential``."""
        check_called(self, Network)
        return self

    def _who(self) -> Who:
        """What a step that is set up once depends on, beside the parts."""
        return self._buffers["_probe"].dtype, self.provider  # pyright: ignore[reportOptionalMemberAccess]

    def _plainly(self) -> Who | None:
        """The same; None where a step must be a call of the module: in torch.compile or autocast, with hooks, or with another ``forward``."""
        called = torch.compiler.is_compiling() or autocast() or self._forward_hooks or self._forward_pre_hooks
        return None if called or type(self).forward is not Network.forward else self._who()

    def _run(self, x, state: State | None, record: Mapping[str, Sequence[str]], **how: Any) -> Execution:
        if torch.compiler.is_compiling():
            from ranvier.network.run.compiled import compiled  # imported only by who compiles

            return compiled(self, x, state, record, how)
        if function_transform():
            from ranvier.network.run.functional import functional  # imported only by who uses torch.func

            return functional(self, x, state, record, how)
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
        emit = emissions(self.outputs, self.populations)
        run = self._run(x, state, {n: (e,) for n, e in emit.items()}, **how)
        return named_outputs(run.recorded, emit, self.dtype), run.state

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
        of sources runs a batch of trials: ``net.observe(duration=100*ms, batch=32, record={"exc": ["spikes"]})``. These are the signals
        of the parts for ``x``; a ``forward`` of a subclass is not run.
        """
        warn_of_own_forward(self, Network)
        run = self._run(x, state, record, **how)
        return {n: {v: run.recorded[n, v] for v in variables} for n, variables in record.items()}

    def step(
        self, x: Tensor | Mapping[str, Tensor], state: State | None = None, *, reset: Reset = "auto"
    ) -> tuple[Any, State]:
        """One step: ``x`` [B, …], or several by name -> (output [B, …], state); ``reset`` as in a call."""
        if state is not None and reset == "auto" and (who := self._plainly()) is not None:
            done = one_step(self._memo, who, x, state)
            if done is not None:
                return done
        out, after = self(as_sequence(x), state, reset=reset)
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
        if function_transform():
            refuse_modes()
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
