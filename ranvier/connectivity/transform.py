"""The interface of a transform: what projections, kernels, learning rules and files ask of a module in a chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from ranvier.connectivity.bound import Binding, BoundTransform
from ranvier.connectivity.computed import class_of
from ranvier.connectivity.delays import DelayError, Delays
from ranvier.connectivity.hooks import quiet
from ranvier.connectivity.partial_shape import ANY, PartialShape
from ranvier.errors import ProviderError, ShapeError
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Pattern
from ranvier.storages import Storage, StorageError, Stored

if TYPE_CHECKING:
    from ranvier.connectivity._share import Shared
    from ranvier.connectivity.affine import Affine
    from ranvier.connectivity.sequence_place import Place
    from ranvier.kernels.step import Builder
    from ranvier.kernels.tasks import RowSource

__all__ = ["Transform"]

Tensor = torch.Tensor


class Transform:
    """One map of a chain, from what a population emits to what arrives.

    A module of Ranvier is a transform itself (``class Linear(Transform, nn.Module)``). An adapter is a transform that speaks
    for a module of torch. The defaults suit a map of which nothing is known.

    Where there are weights, ``weight`` is the parameter that the optimizer moves, and :meth:`effective_weight` the weight in
    use, within sign and bounds. Products, kernels and learning rules read the latter.
    """

    if TYPE_CHECKING:  # modules keep these in tables of torch, which an attribute of the class would hide
        weight: Tensor
        delay: Delays | None

        def __call__(self, *args: Any, **kwargs: Any) -> Tensor: ...

    #: whether ``forward(x, carrier=…)`` hands its product to what a plan has built, which may go spike by spike
    event_path = False
    #: whether it is a dense matrix [post, pre] (with a bias)
    is_matrix = False
    #: how delays per synapse follow the input, as a sentence
    follows: str | None = None
    #: what a provider makes of a product without an event path, as a sentence; None where that is not known
    computed_as: str | None = None
    #: whether it has gradients
    differentiable = True
    #: whether it is called with [T, B, …] instead of [T*B, …]
    time_major = False
    #: steps of the sequences that it maps at once; None where it maps every step by itself
    whole_steps: int | None = None
    #: whether several such sequences may follow one another in a call
    repeats = False
    #: whether it only moves numbers, so that spikes stay spikes
    rearranges = False
    #: whether each output is the largest of some inputs
    selects = False
    #: whether the output is new memory that autograd does not keep
    lets_go = False
    #: whether the output is linear in the weights and, but for a bias, in the input
    linear_in_weight = False
    #: whether the output is linear in the input, but for a constant
    linear_in_input = False
    #: whether its outputs are the last axis of a sample; else they are the first, and space follows
    channels_last = False
    #: whether it maps every sample by itself, always in the same way: nothing is learnt, random or over the batch
    fixed = False
    #: whether it normalises by statistics of the batch, or by running ones
    normalises: bool = False
    #: whether training draws random numbers in it
    random: bool = False
    #: whether what it does depends on the place in a sequence, or what it draws holds for a whole one, so that :meth:`of_sequence`
    #: computes it
    by_sequence = False
    #: whether :meth:`start_from` draws its weights for what enters it
    balances = False
    #: whether it is the identity outside training
    silent = False
    #: whether it computes by a class of torch, whose errors are about samples that do not fit
    of_torch = False
    #: how its weights lie in memory; None where they are floats as they are
    storage: Storage | None = None
    #: which of all synapses it has, where other processes have the others
    shared: Shared | None = None

    @property
    def module(self) -> nn.Module:
        """The module that computes, owns the parameters and stands in the chain."""
        return cast(nn.Module, self)

    @property
    def kind(self) -> str:
        """The class of the module, for messages."""
        return class_of(self.module).__name__

    @property
    def label(self) -> str:
        """The name of a projection that begins with it, without its number."""
        return self.kind.lower()

    @property
    def input_size(self) -> int | None:
        """Cells in a row that it takes, where nothing else fits."""
        return None

    @property
    def settles(self) -> bool:
        """Whether training and evaluation differ in it, as in norms and dropout."""
        return self.normalises or self.random

    def mixes(self) -> bool:
        """Whether, as it is now, the output for a sample depends on other samples or on chance."""
        return self.module.training and self.settles

    @property
    def learnt_weight(self) -> nn.Parameter | None:
        """The parameter that scales what arrives."""
        found = getattr(self.module, "weight", None)
        return found if isinstance(found, nn.Parameter) else None

    @property
    def has_delay(self) -> bool:
        """Whether a delay was requested."""
        return self.delay is not None

    @property
    def constant(self) -> Tensor | None:
        """The bias: it arrives in every step, without spikes too."""
        return None

    @property
    def own_table(self) -> Tensor | None:
        """Whole steps of every synapse, where the transform keeps them itself; else the projection keeps them."""
        return None

    def effective_weight(self) -> Tensor:
        """The weights in use; gradients ignore sign, bounds and storage."""
        return self.weight

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """That of the weights in use."""
        return tuple(self.effective_weight().shape)

    @property
    def stored(self) -> Stored | None:
        """The stored numbers of the weights, where there are no others."""
        return None

    def weight_for(self, stored: bool) -> Tensor | Stored:
        """The weights in use; with ``stored``, stored numbers as they are, where there are no others."""
        return (self.stored if stored else None) or self.effective_weight()

    def store(self, storage: Storage | None = None) -> None:
        """Keep the stored numbers of the weights alone: of its own storage, or of ``storage`` where it has none.

        Raises
        ------
        StorageError
            Where the weights cannot be stored.
        """
        if storage is not None and self.linear_in_weight:
            raise StorageError(
                f"{self.kind} of torch keeps its weights as floats; use the transform of rv in its place."
            )

    def operations(self, given: tuple[int, ...], made: tuple[int, ...]) -> int | None:
        """Multiply-adds of one sample of shape ``given``, of which it makes ``made``, where every input arrives; None: not counted."""
        return 0 if self.rearranges or self.settles else None

    def matrix(self) -> Tensor | None:
        """The effective weights [post, pre] of a dense matrix; None for any other map."""
        return self.effective_weight() if self.is_matrix else None

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, carrier: Runnable | None = None) -> Tensor:
        """``x`` [rows, …] carried by a ``weight`` in the layout of its own, and a bias, without delay.

        ``carrier`` computes it where the map has an event path; None: as the reference does.
        """
        raise ShapeError(f"{self.kind} has no weights that carry what arrives.")

    def refusal(self, shape: tuple[int, ...]) -> str | None:
        """Why it cannot take samples of this shape, as a sentence without its subject; None where it can, or cannot tell."""
        return None

    def takes(self) -> PartialShape:
        """Shapes of samples that it takes, as far as its arguments tell."""
        return ANY

    def gives(self, shape: PartialShape) -> PartialShape:
        """The shape that it makes of samples of ``shape``, as far as both tell."""
        return ANY

    def refuses_steps(self, steps: int) -> str | None:
        """Why it cannot map so many steps together, as a sentence without its subject; None where it can."""
        whole = self.whole_steps
        if whole in (None, steps) or (whole is not None and self.repeats and steps % whole == 0):
            return None
        if self.repeats:
            return (
                f"maps {whole} steps at once, but {steps} are run together. Give calls, windows, segments and lengths of a multiple of {whole} "
                f"steps, and rules that run whole sequences, such as rv.rules.BPTT(); or steps=1 where the part takes it."
            )
        return (
            f"maps {whole} steps at once, but {steps} are run together. Give sequences of {whole} steps, without "
            f"window=, checkpoint=, lengths= or single steps (in training rv.rules.BPTT()); or use rv.SlidingPSN, which reads the "
            f"last inputs and runs step by step."
        )

    def takes_one(self, x: Tensor) -> bool:
        """Whether the module takes a sample ``x`` [1, …] by itself; nothing in it changes."""
        from torch.func import functional_call

        module = self.module
        try:
            with torch.no_grad(), quiet(module):
                held = {n: t.clone() for n, t in (*module.named_parameters(), *module.named_buffers())}
                functional_call(module, held, (x,))
        except (IndexError, RuntimeError, TypeError, ValueError):
            return False
        return True

    def run(self, x: Tensor, carrier: Runnable | None) -> Tensor:
        """``module(x)``, or its product by ``carrier``, which a plan has built."""
        return self.module(x)

    def of_sequence(self, x: Tensor, name: str, place: Place) -> Tensor:
        """``x`` [T, B, …] from a ``place`` in a sequence on; ``name`` is that of the part, for the numbers that it draws.

        One that is ``silent`` outside training is asked in training only.
        """
        raise ShapeError(f"{self.kind} does not differ from step to step.")

    def start_from(self, x: Tensor) -> None:
        """Draw its weights for inputs like ``x`` [rows, …], in place, where it ``balances`` them."""
        raise ShapeError(f"{self.kind} does not draw its weights from what enters it.")

    # single synapses

    def pattern(self) -> Pattern | None:
        """The pairs of cells joined by single synapses that are stored; None for any other map."""
        return None

    def rows(self) -> Pattern | RowSource | None:
        """Single synapses by presynaptic cell, stored or drawn anew at every spike; None for any other map."""
        return self.pattern()

    def shared_weight(self) -> Tensor:
        """The weights in use of single synapses, as a single number where all are equal."""
        raise ShapeError(f"{self.kind} has no single synapses.")

    def circuit_weight(self, stored: bool) -> Tensor | Stored:
        """The same as a circuit takes it; with ``stored``, stored numbers of several synapses as they are."""
        found = self.stored if stored else None
        return self.shared_weight() if found is None or found.numel() == 1 else found

    @property
    def one_to_one(self) -> bool:
        """Whether single synapses join each cell with its counterpart."""
        return False

    @property
    def empty(self) -> bool:
        """Whether it is a set of single synapses without any."""
        return False

    def misfit(self, pre: tuple[int, ...] | None, post: tuple[int, ...] | None, same: bool) -> tuple[str, str] | None:
        """Why single synapses cannot join populations of these shapes (or of one, if the ``same``): what, and the fit."""
        return None

    # delays

    def bind(self, binding: Binding) -> BoundTransform:
        """The transform bound to one projection; binding writes nothing into it."""
        return BoundTransform(self, binding.dt, binding.lag, binding.lag)

    def fix_delays(self, dt: float, lag: int) -> None:
        """Put every learnable delay on its nearest step of ``dt`` ms, of a projection with that lag."""
        raise DelayError(f"{type(self).__name__} has no learnable delays to fix.")

    def delayed(
        self, x: Tensor, history: Tensor, bound: BoundTransform, carrier: Runnable | None = None,
        held: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor:  # fmt: skip
        """``x`` [T, B, …] with the delay of every synapse; ``history`` [D, B, …] are the steps before.

        ``held`` are a weight and a bias in place of those in use.
        """
        raise DelayError(f"{type(self).__name__} has no delay per synapse.")

    # gradients

    def pullback(self, grad: Tensor, x: Tensor) -> Tensor:
        """Input gradient of ``forward(x)`` for ``grad``, without delay; the parameters get none."""
        from torch.func import functional_call

        module = self.module
        with torch.enable_grad(), quiet(module):
            x = x.detach().requires_grad_()
            held = {n: t.detach() for n, t in (*module.named_parameters(), *module.named_buffers())}
            (found,) = torch.autograd.grad(functional_call(module, held, (x,)), x, grad)
        return found

    def weight_pullback(
        self, x: Tensor, grad: Tensor, ones: Tensor | float = 1.0
    ) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Gradients of the parameters for an input ``x`` [rows, …] and an output gradient ``grad`` [rows, …].

        The map is linear in its input, so ``x`` may be a trace of inputs; ``ones`` is then the same trace of a constant 1,
        by which the gradient of the bias is multiplied.
        """
        module, bias = self.module, self.constant
        wanted = [q for q in module.parameters() if q.requires_grad]
        with torch.enable_grad(), quiet(module):
            found = torch.autograd.grad(module(x.detach()), wanted, grad, allow_unused=True)
        for q, g in zip(wanted, found, strict=True):
            if g is not None:
                yield q, g * ones if q is bias else g

    def cell_of(self, parameter: nn.Parameter) -> Tensor | None:
        """Int64 [entries], the postsynaptic cell, along the last axis of the output, of each entry of a parameter of its own.

        None where some lead to several.
        """
        return None

    # norms

    def affine(self) -> Affine | None:
        """What it does outside training, where that is one factor and one shift for each channel."""
        return None

    def cannot_hold(self, norm: Transform, channels: int, before: bool = False) -> str | None:
        """Why its weight and bias cannot hold a ``norm`` of ``channels`` behind it, or ``before`` it, as the end of a sentence."""
        return (
            f"{'stands before' if before else 'follows'} {self.kind}; put it right after a Linear or Conv2d of its own."
        )

    def cannot_absorb(self, affine: Affine) -> str | None:
        """Why its parameters cannot take over the factors of a norm that its weight can hold, as the end of a sentence."""
        return None

    def with_affine(
        self, affine: Affine, weight: Tensor | Stored, bias: Tensor | None, before: bool = False
    ) -> tuple[Tensor | Stored, Tensor]:
        """The weight and bias that do what these do with ``affine`` behind them, or ``before`` them."""
        raise ShapeError(f"{self.kind} has no weights that take over factors.")

    def absorb(self, weight: Tensor | Stored, bias: Tensor | None) -> None:
        """Write a weight and a bias into its parameters, in place."""
        raise ShapeError(f"{self.kind} has no weights that take over factors.")

    # the step graph and files

    def lower(self, builder: Builder, source: str, name: str) -> str:
        """Append its nodes in evaluation mode to a step graph; returns the buffer of its output for ``source``.

        Raises
        ------
        ProviderError
            For a map without such a form; the message names it.
        """
        if self.linear_in_input and (self.fixed or self.linear_in_weight):
            from ranvier.connectivity.lowering import lower_product, lower_rows

            if self.linear_in_weight:
                return lower_product(self, self.weight_for(True), self.constant, builder, source, name)
            return lower_rows(self.module, self.module, builder, source, name)
        raise ProviderError(
            f"{name}: a step graph has no node for {self.kind}; use transforms of rv, or torch's Linear, "
            f"convolutions, poolings and Flatten."
        )

    def carry(self, weight: Tensor | Stored, builder: Builder, source: str, name: str, target: str | None) -> str:
        """``target`` (a new buffer where None) plus the product of ``source`` and a ``weight`` of its layout."""
        from ranvier.connectivity.lowering import floats, lower_rows

        held = floats(weight)
        return lower_rows(lambda x: self.product(x, held), self.module, builder, source, name, target)

    def describe(self, name: str, tensors: dict[str, Tensor], bound: BoundTransform) -> dict[str, Any] | None:
        """Plain data from which its class makes it again; None where a file cannot hold it.

        Parameters and buffers are saved apart. Further arrays go to ``tensors`` under ``name``; ``bound`` is where it stands.
        """
        return None
