"""Tokens as one spike a step, and a matrix behind them as a table of embeddings."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms


def test_each_token_is_one_spike() -> None:
    ids = torch.randint(9, (12, 3))
    spikes = rv.encoding.tokens(ids, 9)
    assert torch.equal(spikes, nn.functional.one_hot(ids, 9).float())
    assert torch.equal(spikes, rv.encoding.tokens(ids.numpy().tolist(), 9))
    assert rv.encoding.tokens(ids.to(torch.uint8), 9, dtype=torch.float64).dtype == torch.float64


def test_a_matrix_behind_them_is_an_embedding() -> None:
    ids, table = torch.randint(9, (12, 3)), rv.Linear(9, 4, bias=False)
    net = rv.Sequential(table, rv.Relay(), dt=1 * ms)
    assert torch.equal(net(rv.encoding.tokens(ids, 9))[0], nn.functional.embedding(ids, table.weight.T))


@pytest.mark.parametrize(
    ("ids", "size", "says"),
    [
        (torch.rand(3, 2), 5, "float32; give whole numbers"),
        (torch.zeros(3, 2, dtype=torch.bool), 5, "bool; give whole numbers"),
        (torch.zeros(3, dtype=torch.long), 5, r"\(3,\); give \[T, B\]"),
        (torch.zeros(3, 2, 5, dtype=torch.long), 5, r"give \[T, B\], time first"),
        (torch.tensor([[5]]), 5, "5 to 5, but there are 5 tokens, 0 to 4"),
        (torch.tensor([[-1]]), 5, "-1 to -1"),
        (torch.tensor([[0]]), 0, "size=0"),
        (torch.tensor([[0]]), -3, "size=-3"),
        (torch.tensor([[0]]), 2.5, "size=2.5"),
        (torch.tensor([[0j]]), 5, "complex64"),
    ],
)
def test_mistakes_are_named(ids: torch.Tensor, size: int, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        rv.encoding.tokens(ids, size)
