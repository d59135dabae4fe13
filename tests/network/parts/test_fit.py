"""Sizes that cannot fit are refused when a network is made, wherever they are known; shapes that an input tells stay open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import Hz, ms


def chain(*parts: Any) -> rv.Sequential:
    return rv.Sequential(*parts, dt=1 * ms)


def joined(size: tuple[int, ...] | None, cells: int | tuple[int, ...] | None, how: nn.Module) -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.input("x", size)
    net.population("a", cells, rv.LIF(), output=True)
    net.connect("x", "a", how)
    return net


def hooked() -> nn.Module:
    layer = rv.Linear(3, 4)
    layer.register_forward_hook(lambda module, given, out: out[..., :2])
    return layer


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "matrix and cells": (lambda: chain(rv.Linear(3, 4), rv.LIF(5)), r"'linear1' from 'input' to 'lif1' .*\(4,\), but 'lif1' has shape \(5,\): give"),
    "matrix and image": (lambda: chain(rv.Linear(3, 4), rv.LIF((2, 5))), r"\(4,\), but 'lif1' has shape \(2, 5\)"),
    "matrix of an unknown row": (lambda: chain(nn.Flatten(), rv.Linear(9, 4), rv.LIF(5)), r"\(4,\), but 'lif1' has shape \(5,\)"),
    "matrix of unknown axes": (lambda: chain(nn.ReLU(), rv.Linear(9, 4), rv.LIF(5)), r"\(…, 4\), but 'lif1' has shape \(5,\)"),
    "two matrices": (lambda: chain(rv.Linear(3, 4), rv.Linear(5, 5), rv.LIF()), r"Linear behind Linear takes samples of shape \(…, 5\), but a sample has shape \(…, 4\): make them equal"),
    "cells and matrix": (lambda: chain(rv.Linear(3, 4), rv.LIF(), rv.Linear(5, 5), rv.LIF()), r"'linear2' .*Linear behind 'lif1' takes samples of shape \(…, 5\), but a sample has shape \(…, 4\)"),
    "cells and cells": (lambda: chain(rv.LIF(4), rv.LIF(5)), r"'direct2' .*\(4,\), but 'lif2' has shape \(5,\)"),
    "recurrence": (lambda: chain(rv.Linear(3, 4), rv.Recurrent(rv.LIF(4), rv.Linear(4, 3))), r"'recurrent1' .*\(3,\), but 'lif1' has shape \(4,\)"),
    "recurrence of open cells": (lambda: chain(rv.Linear(3, 4), rv.Recurrent(rv.LIF(), rv.Linear(5, 5))), r"Linear behind 'lif1' takes samples of shape \(…, 5\)"),
    "recurrence that changes a size": (lambda: chain(rv.Linear(3, 4), rv.Recurrent(rv.LIF(), rv.Linear(4, 5))), r"brings .*\(…, 5\), but projection 'linear1' .*\(…, 4\), which cannot be added"),
    "residual": (lambda: chain(rv.Linear(3, 4), rv.LIF(4), rv.Residual(rv.Linear(4, 5), rv.LIF(5))), r"'direct2' from 'lif1' to 'join1' brings .*\(4,\), but projection 'direct1' from 'lif2' to 'join1' brings \(5,\)"),
    "norm": (lambda: chain(rv.Linear(3, 4), nn.BatchNorm1d(5), rv.LIF(4)), r"BatchNorm1d behind Linear takes 5 channels.*\(4,\): give num_features=4"),
    "norm of groups": (lambda: chain(rv.Linear(3, 4), nn.GroupNorm(2, 6), rv.LIF(4)), r"GroupNorm behind Linear takes 6 channels"),
    "norm of a plane": (lambda: chain(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(3), rv.LIF()), r"BatchNorm2d behind Conv2d takes samples of shape \(3, …\), but a sample has shape \(2, \?, \?\)"),
    "norm of a threshold": (lambda: chain(rv.Linear(3, 4), rv.ThresholdBatchNorm(5), rv.LIF(4)), "ThresholdBatchNorm behind Linear takes 5"),
    "norm first": (lambda: chain(nn.GroupNorm(2, 6), rv.LIF(4)), r"\(6, …\), but 'lif1' has shape \(4,\)"),
    "norm of a membrane": (lambda: chain(rv.Linear(3, 4), rv.MembraneNorm(rv.LIF(5))), r"but 'lif1' has shape \(5,\)"),
    "convolution and cells": (lambda: chain(nn.Conv2d(1, 2, 3), rv.LIF((3, 3, 3))), r"\(2, \?, \?\), but 'lif1' has shape \(3, 3, 3\)"),
    "two convolutions": (lambda: chain(nn.Conv2d(1, 2, 3), rv.LIF(), nn.MaxPool2d(2), rv.Conv2d(3, 2, 3), rv.LIF()), r"Conv2d behind MaxPool2d takes samples of shape \(3, \?, \?\), but a sample has shape \(2, \?, \?\)"),
    "convolutions of groups": (lambda: chain(nn.Conv1d(2, 4, 3, groups=2), rv.LIF(), nn.Conv1d(2, 4, 3, groups=2), rv.LIF()), r"Conv1d behind 'lif1' takes samples of shape \(2, \?\)"),
    "transposed": (lambda: chain(nn.Conv2d(1, 2, 3), rv.LIF(), rv.ConvTranspose2d(3, 2, 2), rv.LIF()), r"ConvTranspose2d behind 'lif1'"),
    "declared planes": (lambda: joined((1, 5, 5), (2, 4, 3), rv.Conv2d(1, 2, 3)), r"\(2, 3, 3\), but 'a' has shape \(2, 4, 3\)"),
    "declared planes, flat": (lambda: flattened(rv.Linear(19, 4)), r"'flat_to_b_x' .*Linear behind 'flat' takes (19 features|samples of shape \(…, 19\))"),
    "source": (lambda: sourced(), r"\(3,\), but 'a' has shape \(4,\)"),
    "relay": (lambda: chain(rv.Linear(3, 4), rv.Relay(5)), r"but 'relay1' has shape \(5,\)"),
}  # fmt: skip


def flattened(last: nn.Module) -> rv.Network:
    net = joined((1, 5, 5), None, rv.Conv2d(1, 2, 3))
    net.population("flat", None, rv.Relay())
    net.connect("a", "flat", nn.Flatten())
    net.population("b", None, rv.LIF(), output=True)
    net.connect("flat", "b", last)
    return net


def sourced() -> rv.Network:
    net = rv.Network(dt=1 * ms)
    net.source("s", rv.Poisson(10 * Hz, 3))
    net.population("a", 4, rv.LIF())
    net.connect("s", "a", nn.Identity())
    return net


@pytest.mark.parametrize("what", REFUSED)
def test_sizes_that_cannot_fit_are_refused_when_made(what: str) -> None:
    make, words = REFUSED[what]
    with pytest.raises(ShapeError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: chain(rv.Linear(3, 1), rv.LIF(5), rv.Linear(5, 2), rv.LeakyReadout(2)), (3,)),
        (lambda: chain(rv.Linear(3, 4), rv.LIF(4), rv.Residual(rv.Linear(4, 1), rv.LIF(1))), (3,)),
        (lambda: chain(nn.LazyLinear(4), rv.LIF(), nn.LazyLinear(3), rv.LIF(3)), (7,)),
        (lambda: chain(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), rv.LIF(), nn.Flatten(), nn.LazyLinear(3), rv.LIF(3)), (2, 5, 5)),
        (lambda: chain(nn.Conv2d(1, 2, 3), rv.LIF(), nn.MaxPool2d(2, ceil_mode=True), nn.Flatten(), rv.Linear(8, 3), rv.LIF(3)), (1, 5, 5)),
        (lambda: chain(nn.Flatten(), rv.Linear(9, 4), rv.LIF(4)), (1, 3, 3)),
        (lambda: chain(nn.Flatten(), rv.Linear(9, 4), rv.LIF(4)), (9,)),
        (lambda: chain(nn.ReLU(), rv.Linear(3, 4), rv.LIF(), nn.Flatten(), rv.Linear(8, 2), rv.LIF(2)), (2, 3)),
        (lambda: chain(hooked(), rv.LIF(2)), (3,)),
        (lambda: chain(nn.Sequential(nn.Linear(3, 4)), rv.LIF(4)), (3,)),
        (lambda: chain(nn.Linear(3, 4), nn.BatchNorm1d(5), rv.LIF()), (5, 3)),
        (lambda: chain(rv.Linear(3, 4), rv.Residual(rv.Linear(4, 4), rv.LIF()), nn.Flatten(), rv.Linear(8, 2), rv.LIF(2)), (2, 3)),
        (lambda: chain(rv.Linear(3, 1), rv.Relay(5), rv.Linear(5, 2), rv.LIF(2)), (3,)),
    ],
)  # fmt: skip
def test_what_fits_is_taken(make: Callable[[], rv.Sequential], shape: tuple[int, ...]) -> None:
    """Also what an input tells, what a hook changes, and one number for all cells."""
    out, _ = make()(torch.ones(4, 2, *shape))
    assert out.shape[:2] == (4, 2)


def test_a_relay_has_the_size_that_it_was_given() -> None:
    """Where only a call tells what arrives: one number serves all, another size is refused."""

    class Own(nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input)

    net = rv.Sequential(Own(3, 4), rv.Relay(5), dt=1 * ms)
    with pytest.raises(ShapeError, match=r"the relay 'relay1' has shape \(4, 2, 4\) .* the size \(5,\)"):
        net(torch.ones(4, 2, 3))
    out, _ = rv.Sequential(Own(3, 1), rv.Relay(5), dt=1 * ms)(torch.ones(4, 2, 3))
    assert out.shape == (4, 2, 5)
    assert torch.equal(out, out[..., :1].expand_as(out))
