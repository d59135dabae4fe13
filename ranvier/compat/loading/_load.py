"""A state dict of another library into a network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ranvier.compat.arguments import CompatError
from ranvier.compat.loading._groups import Group, check_mapping, groups_of
from ranvier.compat.loading._settings import trouble_of
from ranvier.compat.loading._table import LoadTable, Row
from ranvier.network import Layer, Network
from ranvier.network.parts.population import Population

__all__ = ["load_state_dict"]


def load_state_dict(
    net: Network | Layer, state_dict: Mapping[str, Tensor], *, names: Mapping[str, str] | None = None,
    leave_out: Collection[str] = (), strict: bool = True,
) -> LoadTable:  # fmt: skip
    """Load the ``state_dict()`` of an snnTorch, SpikingJelly, Norse or Sinabs network, and return a table of the places of all tensors.

    Weights and norms are matched in order with those of ``net``. Cells (which hold beta, threshold, w, tau_mem, …) are matched in
    order with the populations that have such values. So both networks must list their parts in the same order. Recurrent weights
    follow their cells. Nothing is written unless everything fits.

    Parameters
    ----------
    names
        ``{"fc1": "linear1"}``: the projection or population of ``net`` for a module of the other network, instead of the order.
    leave_out
        Keys that are not loaded.
    strict
        False loads what fits and lists the rest in the table; True refuses tensors without a place and parameters of ``net``
        that no tensor reaches.

    Raises
    ------
    CompatError
        For tensors without a place, of another shape, or with settings that differ from the cell's. The message names each, with the remedy.

    >>> net = rv.Sequential(rv.Linear(4, 3), rv.compat.snntorch.Leaky(0.9), dt=1*ms)
    >>> state = {"fc1.weight": torch.zeros(3, 4), "fc1.bias": torch.zeros(3), "lif1.beta": torch.tensor(0.8)}
    >>> print(rv.compat.load_state_dict(net, state))
    theirs      ours            shape   note
    fc1.weight  linear1.weight  3×4
    fc1.bias    linear1.bias    3
    lif1.beta   leaky1.beta     number
    """
    network = net.network if isinstance(net, Layer) else net
    check_mapping(state_dict)
    unknown = sorted(set(leave_out) - set(state_dict))
    if unknown:
        raise CompatError(
            f"leave_out={unknown[0]!r} is no key of the state dict; its keys are {', '.join(state_dict)}."
        )
    loader = _Loader(network, dict(names or {}), strict)
    groups = groups_of({k: t for k, t in state_dict.items() if k not in leave_out})
    for group in groups:
        loader.take(group)
    loader.check_names({group.name for group in groups})
    rows = [*loader.rows, *(Row(k, "", tuple(state_dict[k].shape), "left out") for k in leave_out)]
    left = tuple(n for n, q in loader.parameters() if id(q) not in loader.reached)
    if left and strict:
        raise CompatError(
            f"the state dict has no tensors for {', '.join(left)}: pass strict=False to keep their values, or say with names= which module "
            f"goes where. Its keys are {', '.join(state_dict)}."
        )
    with torch.no_grad():
        for target, value in loader.writes:
            target.copy_(value)
    order = {key: k for k, key in enumerate(state_dict)}
    return LoadTable(tuple(sorted(rows, key=lambda row: order[row.theirs])), left)


class _Loader:
    """Finds the place of every tensor; ``writes`` are made at the end."""

    def __init__(self, net: Network, names: dict[str, str], strict: bool) -> None:
        self.net, self.names, self.strict = net, names, strict
        self.rows: list[Row] = []
        self.writes: list[tuple[Tensor, Tensor]] = []
        self.reached: set[int] = set()
        self.used: set[str] = set()
        self.weights = dict(self._modules(back=False))
        self.cells = dict(net.populations.items())
        self.back = {p.pre: (p.name, p.chain) for p in net.projections.values() if p.pre == p.post}
        self.matched: dict[str, str] = {}

    def _modules(self, back: bool) -> list[tuple[str, nn.Module]]:
        """Modules with tensors along the projections, by name: that of the projection, and a number from the second on."""
        out = []
        for projection in self.net.projections.values():
            held = [m for m in projection.chain if any(True for _ in (*m.parameters(), *m.buffers()))]
            if (projection.pre == projection.post) == back:
                out += [(projection.name if k == 0 else f"{projection.name}.{k}", m) for k, m in enumerate(held)]
        return out

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """All parameters of the network, by the names of the table."""
        modules: list[tuple[str, nn.Module]] = [*self.weights.items(), *self._modules(back=True), *self.cells.items()]
        return [(f"{n}.{leaf}", q) for n, m in modules for leaf, q in m.named_parameters()]

    def take(self, group: Group) -> None:
        """Find the places of one group."""
        {"weights": self._weights, "cell": self._cell, "recurrent": self._recurrent}[group.kind](group)

    def check_names(self, known: Collection[str]) -> None:
        """Raise for the first of ``names`` that was of no use; the state dict has modules ``known``."""
        for theirs, ours in self.names.items():
            if theirs in self.used:
                continue
            if theirs not in known:
                raise CompatError(f"names has {theirs!r}, but the state dict has no such module with weights or cells.")
            raise CompatError(
                f"names sends {theirs!r} to {ours!r}, but net has no such projection or population that fits and is still free: "
                f"correct the name, or also name the places of the modules before {theirs!r}."
            )

    def _weights(self, group: Group) -> None:
        name = self._named(group, self.weights) or next(iter(self.weights), None)
        if name is None:
            self._nowhere(group, "net has no further weights")
            return
        module = self.weights[name]
        own = {n for n, _ in (*module.named_parameters(), *module.named_buffers())}
        kinds = {n for n in group.leaves if n not in own}
        if kinds or not set(group.leaves) >= {n for n, _ in module.named_parameters()}:
            self._nowhere(
                group,
                f"the next weights of net are {name} ({type(module).__name__} with {', '.join(sorted(own))})",
            )
            return
        del self.weights[name]
        self._fill(name, module, group)

    def _fill(self, name: str, module: nn.Module, group: Group) -> None:
        """Write a group's tensors to those of a module with the same names."""
        held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        for leaf, tensor in group.leaves.items():
            self._write(group.keys[leaf], f"{name}.{leaf}", held[leaf], tensor)

    def _cell(self, group: Group) -> None:
        fits = {n: p for n, p in self.cells.items() if n not in self.matched.values() and self._has(p, group)}
        name = self._named(group, fits) or next(iter(fits), None)
        if name is None:
            self._nowhere(group, f"no remaining population of net has {', '.join(group.leaves) or 'such settings'}")
            return
        population = self.cells[name]
        self.matched[group.name] = name
        trouble = trouble_of(population, group.settings, {group.keys[n]: t for n, t in group.leaves.items()})
        if trouble:
            raise CompatError(trouble)
        for leaf, tensor in group.leaves.items():
            self._write(group.keys[leaf], f"{name}.{leaf}", cast("Tensor", getattr(population, leaf)), tensor)
        for key, tensor in group.settings.items():
            self.rows.append(Row(key, "", tuple(tensor.shape), "a setting, as here"))
        for key in group.states.values():
            self.rows.append(Row(key, "", (), "state: passed to each call"))

    @staticmethod
    def _has(population: Population, group: Group) -> bool:
        return group.leaves.keys() <= set(population.cell.parameters)

    def _recurrent(self, group: Group) -> None:
        owner = self.matched.get(group.name)
        name = owner if owner in self.back else self._named(group, self.back) or next(iter(self.back), None)
        if name is None:
            self._nowhere(group, "net has no further recurrent weights")
            return
        label, chain = self.back.pop(name)
        transform = chain.first
        pattern = transform.pattern()
        if pattern is None:
            self._fill(label, transform.module, group)
            return
        key, matrix = group.keys["weight"], group.leaves["weight"]
        pre = torch.repeat_interleave(torch.arange(len(pattern.row_pointer) - 1), pattern.row_pointer.diff())
        at = pattern.target.long(), pre
        if len(group.leaves) > 1 or matrix.shape != (pattern.columns, len(pattern.row_pointer) - 1):
            self._nowhere(group, f"{label} holds single synapses without a bias")
            return
        others = matrix.clone()
        others[at] = 0
        if bool(others.any()):
            raise CompatError(
                f"{key} has weights where {label} has no synapse: make it with autapses=True, or with a rule that makes them."
            )
        self._write(key, f"{label}.weight", cast("Tensor", transform.module.weight), matrix[at])

    def _named(self, group: Group, known: Mapping[str, Any]) -> str | None:
        """The name that the user gave for a group."""
        given = self.names.get(group.name)
        if given is None or given not in known:
            return None
        self.used.add(group.name)
        return given

    def _write(self, key: str, ours: str, held: Tensor, tensor: Tensor) -> None:
        value = tensor.detach().to(device=held.device, dtype=held.dtype)
        if value.shape != held.shape and value.numel() == 1:
            value = value.reshape(())
        elif value.shape != held.shape and held.numel() == 1 and bool((value == value.flatten()[0]).all()):
            value = value.flatten()[0]
        elif value.shape != held.shape:
            raise CompatError(
                f"{key} has shape {tuple(tensor.shape)}, but {ours} has {tuple(held.shape)}: make that part of the same size (a value "
                f"per cell is an array, such as beta=0.9*np.ones(n)), or say with names= which module goes where."
            )
        self.writes.append((held, value.expand(held.shape)))
        self.reached.add(id(held))
        self.rows.append(Row(key, ours, tuple(tensor.shape)))

    def _nowhere(self, group: Group, why: str) -> None:
        keys = [*group.keys.values(), *group.settings, *group.states.values()]
        if self.strict:
            raise CompatError(
                f"there is no place for {', '.join(keys)}: {why}. Say with names={{{group.name!r}: '…'}} where they go, leave them out with "
                f"leave_out=, or pass strict=False."
            )
        leaves = {k: group.leaves[n] for n, k in group.keys.items()}
        self.rows += [Row(k, "", tuple(leaves[k].shape) if k in leaves else (), "no place") for k in keys]
