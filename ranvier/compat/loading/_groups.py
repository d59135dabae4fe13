"""The tensors of a state dict by the module that holds them: weights, cells, and weights from cells to themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ranvier.compat.arguments import CompatError

__all__ = ["Group", "check_mapping", "groups_of"]

#: values of cells there -> here
_VALUES = {
    **{
        n: n
        for n in (
            "beta",
            "alpha",
            "V",
            "w",
            "k",
            "tau_mem",
            "tau_syn",
            "tau_adapt",
            "alpha_mem",
            "alpha_syn",
            "alpha_adapt",
        )
    },
    "threshold": "V_th",
    "spike_threshold": "V_th",
}
#: what a state holds, or what other numbers say already
_STATES = frozenset({"mem", "syn", "spk", "syn_exc", "syn_inh", "v_mem", "i_syn", "b", "firing_rate"})
#: settings, which must be those of the cell
_SETTINGS = frozenset({"reset_mechanism_val", "graded_spikes_factor", "R", "C", "time_step", "min_v_mem"})
#: weights that Norse keeps inside its recurrent cells
_INSIDE = {"input_weights": "weights", "recurrent_weights": "recurrent"}


@dataclass
class Group:
    """Tensors of one module by their last name; ``keys`` are their whole ones."""

    kind: str
    name: str
    leaves: dict[str, Tensor] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Tensor] = field(default_factory=dict)

    def add(self, leaf: str, key: str, tensor: Tensor) -> None:
        """A tensor under the name it has in a module here."""
        self.leaves[leaf], self.keys[leaf] = tensor, key


def check_mapping(state: Any) -> None:
    """Raise a :class:`CompatError` for what is no mapping of tensors."""
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise CompatError("load_state_dict takes the state_dict() of the other network, a mapping of names to tensors.")


def groups_of(state: Mapping[str, Tensor]) -> list[Group]:
    """All groups in the order of their first tensors."""
    found: dict[tuple[str, str], Group] = {}

    def group(kind: str, name: str) -> Group:
        return found.setdefault((kind, name), Group(kind, name))

    cells = {key.rpartition(".")[0] for key in state if key.rpartition(".")[2] in (*_VALUES, *_SETTINGS)}
    for key, tensor in state.items():
        name, _, leaf = key.rpartition(".")
        if leaf in _INSIDE:
            group(_INSIDE[leaf], name).add("weight", key, tensor)
        elif leaf in _STATES or (leaf == "spike_threshold" and f"{name}.b".lstrip(".") in state):
            group("cell", name).states[leaf] = key
        elif leaf in _SETTINGS:
            group("cell", name).settings[key] = tensor
        elif leaf in _VALUES:
            group("cell", name).add(_VALUES[leaf], key, tensor)
        else:
            owner, _, last = name.rpartition(".")
            back = last in ("recurrent", "rec_connect") and owner in cells
            group("recurrent" if back else "weights", owner if back else name).add(leaf, key, tensor)
    return list(found.values())
