"""The modules of a projection, in the order in which they act, and what each is as a transform."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn

from ranvier.connectivity.affine import FoldError
from ranvier.connectivity.hooks import is_unfinished
from ranvier.connectivity.registry import transform_of
from ranvier.connectivity.transform import Transform

__all__ = ["Chain", "Members"]

Members = tuple[nn.Module | None, ...]


class Folded(NamedTuple):
    """The modules of a chain without norms, and the places of those that took one over."""

    modules: list[nn.Module]
    absorbed: set[int]


class _Direct(Transform):
    """The transform of a chain without modules: emissions arrive as they are."""

    delay = None
    rearranges = linear_in_input = fixed = True

    def __init__(self) -> None:
        self._module = nn.Identity()

    @property
    def module(self) -> nn.Module:
        return self._module


_DIRECT = _Direct()


class Chain(nn.ModuleList):
    """A list of modules, each as the user gave it, that a projection applies one after the other."""

    def __init__(self, modules: Iterable[nn.Module] = ()) -> None:
        super().__init__(modules)
        self._known: tuple[Members, tuple[Transform, ...]] = (), ()

    @property
    def members(self) -> Members:
        """Its modules as they are now: an equal tuple as long as none is replaced."""
        return tuple(self._modules.values())

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """Each module as a transform."""
        members = self.members
        if members != self._known[0]:
            found = tuple(transform_of(m) for m in members if m is not None)
            if any(is_unfinished(t.module) for t in found):
                return found  # its class changes with its first input
            self._known = members, found
        return self._known[1]

    @property
    def first(self) -> Transform:
        """The transform that emissions enter, the only one that may delay them."""
        found = self.transforms
        return found[0] if found else _DIRECT

    @property
    def carrier(self) -> int:
        """The place of the first transform that does more than rearrange; the number of modules where there is none."""
        found = self.transforms
        return next((k for k, t in enumerate(found) if not t.rearranges), len(found))

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
        uses, out, absorbed = list(used), list[Transform](), set[int]()
        for transform in self.transforms:
            kind = transform.kind
            try:
                affine = transform.affine()
            except FoldError as error:
                raise FoldError(f"{kind} {error}") from None
            if affine is None:
                out.append(transform)
                continue
            before = out[-1] if out else None
            if before is None:
                trouble = "follows nothing; put it right after a Linear or Conv2d of its own."
            elif any(uses.count(id(q)) > 1 for q in before.module.parameters()):
                trouble = "follows weights that are used twice; put it right after a Linear or Conv2d of its own."
            else:
                trouble = before.cannot_absorb(affine)
            if before is None or trouble is not None:
                raise FoldError(f"{kind} {trouble}")
            before.absorb(affine)
            absorbed.add(len(out) - 1)
        return Folded([t.module for t in out], absorbed)
