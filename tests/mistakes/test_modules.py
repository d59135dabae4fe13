"""What torch users do with any module: copies, pickles, devices without numbers, averages, frozen parts, further tensors."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.units import ms

X = (torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()


def network(seed: int = 0) -> rv.Sequential:
    torch.manual_seed(seed)
    tau = rv.Learn(10 * ms)
    return rv.Sequential(rv.Linear(4, 5), rv.LIF(5, tau=tau, V_th=0.2), rv.Linear(5, 2), rv.LeakyReadout(2), dt=1 * ms)


def gradients(net: nn.Module) -> list[torch.Tensor]:
    return list(torch.autograd.grad(net(X)[0].sin().sum(), list(net.parameters())))


def unpickled(net: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(net))


def loaded(net: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def emptied(net: nn.Module) -> nn.Module:
    made = copy.deepcopy(net).to("meta").to_empty(device="cpu")
    made.load_state_dict(net.state_dict())
    return made


def assigned(net: nn.Module) -> nn.Module:
    made = copy.deepcopy(net).to("meta")
    made.load_state_dict(copy.deepcopy(net.state_dict()), assign=True)
    return made


def made_without_numbers(net: nn.Module) -> nn.Module:
    with torch.device("meta"):
        made = network()
    made.to_empty(device="cpu")
    made.load_state_dict(net.state_dict())
    return made


WAYS = [
    copy.deepcopy,
    unpickled,
    loaded,
    emptied,
    assigned,
    made_without_numbers,
    lambda net: copy.deepcopy(net).share_memory(),
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_copy_has_the_numbers_of_its_network_and_shares_none(way: Callable[[nn.Module], nn.Module]) -> None:
    """Output and gradient; surrogates are no part of a state_dict, and came out of empty memory."""
    net = network()
    for _ in range(3):
        expected = gradients(net)  # set-ups of earlier calls are no part of a copy
    made = way(net)
    assert torch.equal(made(X)[0], net(X)[0])
    assert all(torch.equal(a, b) for a, b in zip(gradients(made), expected, strict=True))
    with torch.no_grad():
        for q in made.parameters():
            q.zero_()
    assert all(torch.equal(a, b) for a, b in zip(gradients(net), expected, strict=True))


def test_a_network_without_numbers_says_how_to_give_it_some() -> None:
    net = network().to("meta")
    for x in (X, X.to("meta")):
        with pytest.raises(
            RanvierError, match=r"device 'meta'.*net\.to_empty\(device='cpu'\) and then net\.load_state_dict"
        ):
            net(x)


def test_what_a_file_cannot_hold_is_refused_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(RanvierError, match="device 'meta', which holds no numbers to save"):
        rv.save(network().to("meta"), tmp_path / "meta")
    for add in (
        lambda net: net.register_buffer("mask", torch.ones(4)),
        lambda net: net.register_parameter("gain", nn.Parameter(torch.ones(1))),
        lambda net: setattr(net, "extra", nn.Linear(2, 2)),
    ):
        net = network()
        add(net)
        with pytest.raises(
            RanvierError, match=r"beside the parts of the network, which a file cannot hold.*torch\.save"
        ):
            rv.save(net, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_averages_frozen_parts_and_checkpoints_are_those_of_torch() -> None:
    net = network()
    mean = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    optimizer = torch.optim.SGD(
        [{"params": net.linear1.parameters(), "lr": 0.1}, {"params": net.lif1.parameters(), "lr": 1.0}]
    )
    expected = {n: q.detach().clone() for n, q in net.named_parameters()}
    for step in range(3):
        net.zero_grad()
        net(X)[0].sum().backward()
        optimizer.step()
        mean.update_parameters(net)
        for n, q in net.named_parameters():
            expected[n] = q.detach().clone() if step == 0 else 0.5 * expected[n] + 0.5 * q.detach()
    for n, q in mean.module.named_parameters():
        torch.testing.assert_close(q, expected[n])
    whole = gradients(net)
    net.linear1.requires_grad_(False)
    net.zero_grad()
    net(X)[0].sin().sum().backward()
    assert net.linear1.weight.grad is None
    torch.testing.assert_close(net.lif1.tau.grad, whole[0])
    net.linear1.requires_grad_(True)
    again = torch.autograd.grad(checkpoint(net, X, use_reentrant=False)[0].sin().sum(), list(net.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(again, whole, strict=True))


def test_layers_in_lists_are_modules() -> None:
    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
            self.cells = nn.ModuleList([rv.LIF(4, tau=rv.Learn(10 * ms)).layer(dt=1 * ms) for _ in range(2)])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for change, cells in zip(self.maps, self.cells, strict=True):
                x, _ = cells(change(x))
            return x

    stack = Stack()
    nn.utils.clip_grad_norm_(stack.parameters(), 1.0)
    stack(X).sum().backward()
    assert {"cells.0.tau", "cells.1.tau"} <= {n for n, q in stack.named_parameters() if q.grad is not None}
    other = Stack()
    other.load_state_dict(stack.state_dict())
    assert torch.equal(other(X), stack(X))


def test_a_table_of_a_network_that_waits_for_its_first_input() -> None:
    net = rv.Sequential(nn.LazyLinear(5), rv.LIF(5), dt=1 * ms)
    assert net.summary().parameters == 0
    net(X)
    assert net.summary().parameters == 25
