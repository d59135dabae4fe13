"""The parts of a network by name: ``net.lif1``, ``net["linear1"]``, ``linear1.weight``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ranvier.network.habits import Habits
from ranvier.network.keys import Names, look_up, part_of, shown_of
from ranvier.network.order import GraphError
from ranvier.network.parts.by_name import Parts
from ranvier.network.parts.population import Population, Relay
from ranvier.network.parts.projection import Projection
from ranvier.network.stimuli import Source

__all__ = ["NamedParts"]


class NamedParts(Habits):
    """A module that holds its parts in tables by kind, and shows them under their own names.

    Torch's tree has the tables ``populations`` and ``projections``; names of modules and tensors leave them out, in ``named_modules`` and
    all that follows from it, and in ``state_dict``. Loading takes short names and paths of the tree.
    """

    populations: Parts[Population]
    projections: Parts[Projection]
    relays: dict[str, Relay]
    sources: Mapping[str, Source]
    _probe: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_post_hook(_report_short)

    def _names(self) -> Names:
        return Names(self.populations, self.projections)

    def _kinds(self) -> dict[str, Mapping[str, Any]]:
        """The parts of each kind that have names."""
        held = self.__dict__
        modules = held.get("_modules", {})
        tables = {n: m._modules for n in ("populations", "projections") if (m := modules.get(n)) is not None}
        return {**tables, **{n: held[n] for n in ("relays", "sources") if n in held}}

    def __getitem__(self, name: str) -> Any:
        """The population, relay or source called ``name``, or the transform of the projection; a list where it has several."""
        return part_of(self._kinds(), name)

    def __setitem__(self, name: str, module: nn.Module) -> None:
        """Replace the one transform of the projection called ``name``."""
        if name not in self.projections or len(self.projections[name].chain) != 1:
            self[name]  # raises where there is no such part
            raise GraphError(
                f"{name!r} cannot be replaced: only the one transform of a projection can. Assign a parameter, as in net[{name!r}].tau = nn.Parameter(…), "
                f"or one of several transforms, as in net[{name!r}][0] = …, or make a new network."
            )
        self._replace(name, 0, module)

    def _replace(self, name: str, k: int, module: Any) -> None:
        """Put another transform in place number ``k`` of a projection."""
        if not isinstance(module, nn.Module):
            raise GraphError(
                f"{name!r} is a transform, which {type(module).__name__} cannot replace: give a module of torch, such as "
                f"rv.Linear(…)."
            )
        self.projections[name].chain[k] = module.to(self._probe.dtype)

    def __contains__(self, name: object) -> bool:
        return any(name in parts for parts in self._kinds().values())

    if not TYPE_CHECKING:  # a misspelt name is an error to type checkers

        def __getattr__(self, name: str) -> Any:
            found = self.__dict__.get("_modules", {}).get(name)  # the tables, which every call asks for
            if found is not None:
                return found
            own = self.__dict__
            if name not in own.get("_buffers", ()) and name not in own.get("_parameters", ()):
                part = look_up(self._kinds(), name)
                if part is not None:
                    return part
            return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if name not in own and name not in own["_modules"] and not hasattr(type(self), name) and name in self:
            self[name] = value
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for parts in self._kinds().values() for n in parts)})

    def named_modules(
        self, memo: set[nn.Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Module]]:
        """Every module with its short name."""
        memo = set() if memo is None else memo
        if _seen(self, memo, remove_duplicate):
            return
        yield prefix, self
        before, how = f"{prefix}." if prefix else "", (memo, remove_duplicate)
        tables = self.populations, self.projections
        for name, module in self._modules.items():
            if module in tables:
                yield from _alone(f"{before}{name}", module, *how)
            elif module is not None:
                yield from module.named_modules(memo, f"{before}{name}", remove_duplicate)
        for name, population in self.populations.items():
            yield from population.named_modules(memo, f"{before}{name}", remove_duplicate)
        for name, projection in self.projections.items():
            place, chain = f"{before}projections.{name}", projection.chain
            yield from _alone(place, projection, *how)
            if len(chain) == 1:
                yield from _alone(f"{place}.chain", chain, *how)
            yield from shown_of(projection).named_modules(memo, f"{before}{name}", remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Every parameter once, in the order of ``named_parameters``, without the cost of their names."""
        seen: set[int] = set()
        for _, module in super().named_modules() if recurse else [("", self)]:
            for q in module._parameters.values():
                if q is not None and id(q) not in seen:
                    seen.add(id(q))
                    yield q

    def state_dict(self, *args: Any, **how: Any) -> Any:
        """Every parameter and buffer by its short name, such as ``lif1.tau`` and ``linear1.weight``."""
        out, names, before = super().state_dict(*args, **how), self._names(), how.get("prefix", "")
        for key in [k for k in out if k.startswith(before)]:
            out[before + names.short(key.removeprefix(before))] = out.pop(key)
        return out

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take short names and paths of the tree, which earlier versions wrote."""
        names = self._names()
        for key in [k for k in state_dict if k.startswith(prefix)]:
            path = prefix + names.path(key.removeprefix(prefix))
            if path != key and path in state_dict:
                rest[-1].append(f"{key!r} and {path!r} name the same tensor: leave one of them out.")
            state_dict[path] = state_dict.pop(key)
        self.__dict__["_loading"] = prefix, rest[-1]
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _seen(module: nn.Module, memo: set[nn.Module], remove_duplicate: bool) -> bool:
    """Whether a module was listed before; it is from now on, unless each place counts."""
    seen = module in memo
    if remove_duplicate:
        memo.add(module)
    return seen


def _alone(
    name: str, module: nn.Module, memo: set[nn.Module], remove_duplicate: bool
) -> Iterator[tuple[str, nn.Module]]:
    """A module without those inside it."""
    if not _seen(module, memo, remove_duplicate):
        yield name, module


def _report_short(net: Any, keys: Any) -> None:
    """Let what was found while loading ``net`` name tensors shortly, too."""
    prefix, errors = net.__dict__.pop("_loading")
    names = net._names()
    for found in (keys.missing_keys, keys.unexpected_keys):
        found[:] = [prefix + names.short(k.removeprefix(prefix)) if k.startswith(prefix) else k for k in found]
    for place, short in names.places.items():
        errors[:] = [e.replace(f" {prefix}{place}.", f" {prefix}{short}.") for e in errors]
