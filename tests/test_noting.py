"""Modules note every replacement in them, by whichever way of torch it is made."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.noting import CHANGES, Noting
from ranvier.units import ms, mV, nA


class Part(Noting):
    """A parameter, a buffer and a module."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.inner = nn.Parameter(torch.ones(2)), nn.Identity()
        self.register_buffer("bias", torch.zeros(2))


def other(part: Part) -> None:
    part.weight = nn.Parameter(torch.zeros(2))


def assigned(part: Part) -> None:
    part.load_state_dict({"weight": torch.zeros(2), "bias": torch.ones(2)}, assign=True)


def listed(part: Part) -> None:
    part._buffers |= {"bias": torch.ones(2)}


CHANGED: dict[str, Callable[[Part], object]] = {
    "parameter": other,
    "buffer": lambda part: setattr(part, "bias", torch.ones(2)),
    "none": lambda part: setattr(part, "bias", None),
    "deleted": lambda part: delattr(part, "weight"),
    "module": lambda part: setattr(part, "inner", nn.ReLU()),
    "attribute": lambda part: setattr(part, "size", 3),
    "mode": lambda part: part.eval(),
    "registered": lambda part: part.register_buffer("more", torch.ones(1)),
    "table": lambda part: part._parameters.update(weight=nn.Parameter(torch.zeros(2))),
    "united": listed,
    "popped": lambda part: part._buffers.pop("bias"),
    "last popped": lambda part: part._modules.popitem(),
    "cleared": lambda part: part._buffers.clear(),
    "defaulted": lambda part: part._buffers.setdefault("more", None),
    "dtype": lambda part: part.double(),
    "assigned": assigned,
    "hook": lambda part: part.register_forward_hook(lambda *_: None),
    "hook before": lambda part: part.register_forward_pre_hook(lambda *_: None),
    "hook back": lambda part: part.register_full_backward_hook(lambda *_: None),
    "hook before back": lambda part: part.register_full_backward_pre_hook(lambda *_: None),
}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("copied", [None, copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_a_change_is_noted(name: str, copied: Callable[[Part], Part] | None) -> None:
    part = Part() if copied is None else copied(Part())
    before = CHANGES.last
    CHANGED[name](part)
    assert CHANGES.last is not before


def test_a_hook_that_is_removed_is_noted() -> None:
    part = Part()
    handle = part.register_forward_hook(lambda *_: None)
    before = CHANGES.last
    handle.remove()
    assert CHANGES.last is not before
    assert not part._forward_hooks


def test_numbers_and_calls_are_not_noted() -> None:
    part, before = Part(), CHANGES.last
    with torch.no_grad():
        part.weight.mul_(2)
        part.weight[0] = 3
    list(part.parameters())
    part.state_dict()
    assert CHANGES.last is before


def test_steps_and_runs_of_few_steps_note_nothing() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.population("cells", 9, rv.CurrentLIF(v=rv.Uniform(-65 * mV, -50 * mV)))
    net.connect("cells", "cells", rv.AllToAll(), to="I", weight=0.01 * nA)
    state, stepper = net.initial_state(), net.stepper()
    for _ in range(4):
        before = CHANGES.last
        state = net.run(0.1 * ms, state).state
        stepper()
    assert CHANGES.last is before
    net.projections["cells_to_cells_I"].transform.weight = nn.Parameter(torch.ones(81), requires_grad=False)
    assert CHANGES.last is not before
