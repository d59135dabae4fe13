"""The modules of a projection, in the order in which they act, and what each is as a transform."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn, no_grad

from ranvier.connectivity.affine import Affine, FoldError
from ranvier.connectivity.hooks import any_global_hook, has_hook, is_unfinished
from ranvier.connectivity.operand import Operand, channels_of, joined, separate
from ranvier.connectivity.partial_shape import PartialShape
from ranvier.connectivity.registry import transform_of
from ranvier.connectivity.transform import Transform
from ranvier.noting import Noting

__all__ = ["Chain", "Members"]

Members = tuple[nn.Module | None, ...]


class Folded(NamedTuple):
    """The modules of a chain without norms, and the places of those that took one over."""

    modules: list[nn.Module]
    absorbed: set[int]


class _Known(NamedTuple):
    """Facts derived from the members of a chain; ``settles`` are norms and dropouts, which act otherwise in training."""

    members: Members = ()
    transforms: tuple[Transform, ...] = ()
    separate: tuple[Operand, ...] = ()
    joined: tuple[Operand, ...] = ()
    settles: tuple[Transform, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether there are such, and none of them mixes samples or draws now, and no hook must be called."""
        if not self.settles or any(t.mixes() for t in self.settles):
            return False
        return not any(has_hook(t.module) for t in self.transforms) and not any_global_hook()


class _Direct(Transform):
    """The transform of a chain without modules: emissions arrive as they are."""

    delay = None
    rearranges = linear_in_input = fixed = True

    def gives(self, shape: PartialShape) -> PartialShape:
        """The same shape."""
        return shape

    def __init__(self) -> None:
        self._module = nn.Identity()

    @property
    def module(self) -> nn.Module:
        return self._module


_DIRECT = _Direct()


class Chain(Noting, nn.ModuleList):
    """A list of modules, each as the user gave it, that a projection applies one after the other."""

    def __init__(self, modules: Iterable[nn.Module] = ()) -> None:
        super().__init__(modules)
        self._known = _Known()

    @property
    def members(self) -> Members:
        """Its modules as they are now: an equal tuple as long as none is replaced."""
        return tuple(self._modules.values())

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """Each module as a transform."""
        return self._look().transforms

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Its maps with the numbers they use now: outside training norms are part of the maps beside them."""
        known = self._look()
        return known.joined if known.settled else known.separate

    @property
    def evaluated(self) -> tuple[Operand, ...]:
        """Its operands outside training, whatever the mode of its modules."""
        return self._look().joined

    @property
    def settled(self) -> bool:
        """Whether it holds norms or dropouts, none of which mixes samples or draws now, and no hook that must be called."""
        return self._look().settled

    def _look(self) -> _Known:
        members = self.members
        if members != self._known.members:
            found = tuple(transform_of(m) for m in members if m is not None)
            if any(is_unfinished(t.module) for t in found):
                return _Known(
                    members, found, separate(found), separate(found)
                )  # its class changes with its first input
            settles = tuple(t for t in found if t.settles)
            self._known = _Known(members, found, separate(found), joined(found), settles)
        return self._known

    @property
    def first(self) -> Transform:
        """The transform that emissions enter, the only one that may delay them."""
        found = self.transforms
        return found[0] if found else _DIRECT

    def matrix(self) -> Tensor | None:
        """The effective weights [post, pre] where the whole chain is one dense matrix; None for any other."""
        found = self.transforms
        return found[0].matrix() if len(found) == 1 else None

    def folded(self, used: Iterable[int]) -> Folded:
        """Its modules without the norms, whose factors and shifts the weights before them take over in place.

        ``used`` lists the ``id`` of every parameter of a network, as often as modules use it.

        Raises
        ------
        FoldError
            Where there are no such weights, or they cannot; the message begins with the class of the norm.
        """
        uses, modules, absorbed = list(used), list[nn.Module](), set[int]()
        places = [(o, part) for o in self.evaluated for part in o.parts]
        for k, transform in enumerate(self.transforms):
            operand, part = places[0] if places else (None, None)
            if operand is None or part is not transform:  # does nothing outside training
                modules.append(transform.module)
                continue
            del places[0]
            if transform is not operand.map:
                continue
            if _affine_of(transform) is not None:
                raise FoldError(f"{transform.kind} {self._why_alone(k)}")
            if operand.holds_norms:
                _absorb(operand, uses)
                absorbed.add(len(modules))
            modules.append(transform.module)
        return Folded(modules, absorbed)

    def _why_alone(self, k: int) -> str:
        """Why the norm at place ``k`` is part of no map beside it."""
        norm, others = self.transforms[k], self.transforms
        channels = channels_of(norm) or 0
        if k:
            return others[k - 1].cannot_hold(norm, channels) or "follows a map that something separates from it."
        if len(others) > 1:
            return others[1].cannot_hold(norm, channels, before=True) or "stands before another norm."
        return "follows nothing; put it right after a Linear or Conv2d of its own."


def _affine_of(transform: Transform) -> Affine | None:
    try:
        return transform.affine()
    except FoldError as error:
        raise FoldError(f"{transform.kind} {error}") from None


def _absorb(operand: Operand, uses: list[int]) -> None:
    """Write the numbers of an operand into its map, in place."""
    for norm in (*operand.before, *operand.behind):
        affine = _affine_of(norm)
        trouble = None if affine is None else operand.map.cannot_absorb(affine)
        if any(uses.count(id(q)) > 1 for q in operand.map.module.parameters()):
            trouble = "stands beside weights that are used twice; put it beside weights of its own."
        if operand.before and operand.map.stored is not None:
            trouble = "stands before weights that are stored with a scale for each output; put it behind weights."
        if trouble is not None:
            raise FoldError(f"{norm.kind} {trouble}")
    with no_grad():  # a weight of the wrong sign counts as 0 and keeps its number
        held = operand.map.stored or operand.map.learnt_weight
        operand.map.absorb(operand.numbers(held)[0], operand.numbers()[1])
