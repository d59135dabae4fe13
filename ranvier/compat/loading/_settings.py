"""Settings that a state dict holds as numbers: they must be those of the cell that it is loaded into."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ranvier.compat.snntorch import mechanism_of
from ranvier.network.parts.population import Population

__all__ = ["trouble_of"]

_MECHANISMS = ("subtract", "zero", "none")


def trouble_of(population: Population, settings: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> str | None:
    """Why a cell does not have these settings, with the remedy; None where it has. ``values`` are those that it will have, by their keys."""
    by_leaf = {key.rpartition(".")[2]: (key, tensor) for key, tensor in settings.items()}
    for leaf, (key, tensor) in by_leaf.items():
        if leaf == "reset_mechanism_val":
            there, here = _MECHANISMS[int(tensor)], mechanism_of(population.cell)
            if there != here:
                return f"{key} says reset_mechanism={there!r}, but {population.name!r} has {here!r}: make it with {there!r}."
        elif leaf == "graded_spikes_factor" and not bool((tensor == 1).all()):
            return (
                f"{key} scales spikes by {tensor.tolist()}: scale the weights that read them, and leave this key out."
            )
        elif leaf == "min_v_mem" and not _same(tensor, population.values().get("low")):
            return f"{key}={tensor.tolist()}, but {population.name!r} has another bound: make it with min_v_mem={tensor.tolist()}."
    if {"R", "C", "time_step"} <= by_leaf.keys():
        R, C, step = (by_leaf[n][1].double() for n in ("R", "C", "time_step"))
        own = population.values()
        if not (_same(step / C, own.get("gain")) and _same(1 - step / (R * C), own.get("leak"))):
            return (
                f"{by_leaf['R'][0]}, C and time_step are {R.item():g}, {C.item():g} and {step.item():g}: make "
                f"{population.name!r} with these, rv.compat.snntorch.Lapicque(R={R.item():g}, C={C.item():g}, …)."
            )
    for key, tensor in values.items():
        if key.rpartition(".")[2] == "spike_threshold" and not _same(tensor, population.values()["V_th"]):
            return (
                f"{key}={tensor.tolist()}, but {population.name!r} has another threshold, which also scales its surrogate: make it with "
                f"spike_threshold={tensor.tolist()}."
            )
    return None


def _same(a: Tensor, b: Tensor | None) -> bool:
    return b is not None and bool(torch.isclose(a.double(), b.double(), rtol=1e-6, atol=1e-9).all())
