"""Self-attention of spikes: its definition, both orders, blocks of steps, files, and mistakes; codes of places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ProviderError, ShapeError
from ranvier.kernels.step import NumpyStep
from ranvier.network import GraphError
from ranvier.units import ms
from tests.differences import slope

Tensor = torch.Tensor


def spikes(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < 0.4).to(dtype)


def defined(x: Tensor, channels: int, heads: int, scale: float) -> Tensor:
    """Token by token: y[n] = scale * sum over m of (q[n] . k[m]) v[m], in each head; ``x`` [rows, 3C, N]."""
    y, d = x.new_zeros(x.shape[0], channels, x.shape[2]), channels // heads
    for h in range(heads):
        q, k, v = (x[:, part * channels + h * d : part * channels + (h + 1) * d] for part in range(3))
        for n in range(x.shape[2]):
            score = (q[:, :, n : n + 1] * k).sum(1)
            y[:, h * d : (h + 1) * d, n] = scale * (score.unsqueeze(1) * v).sum(2)
    return y


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(("heads", "tokens"), [(1, 3), (2, 3), (2, 9), (6, 1)], ids=["qk-v", "qk-v-2", "q-kv", "one"])
def test_it_is_its_definition_in_either_order(heads: int, tokens: int, batch: int, dtype: torch.dtype) -> None:
    x = spikes(batch, 18, tokens, dtype=dtype)
    assert torch.equal(rv.Attention(6, heads, scale=0.25)(x), defined(x, 6, heads, 0.25))
    real = torch.randn(batch, 18, tokens, dtype=dtype)
    torch.testing.assert_close(rv.Attention(6, heads, scale=0.3)(real), defined(real, 6, heads, 0.3))


def test_places_may_be_an_image_and_their_order_does_not_matter() -> None:
    layer, x = rv.Attention(4, 2), spikes(3, 12, 5, 4)
    assert torch.equal(layer(x), layer(x.flatten(2)).unflatten(2, (5, 4)))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(x.flatten(2)[..., order]), layer(x.flatten(2))[..., order])


@pytest.mark.parametrize("steps", [2, 3])
def test_blocks_of_steps_are_attention_over_all_their_tokens(steps: int) -> None:
    x = spikes(6, 2, 12, 3, 2)
    out = rv.Attention(4, 2, steps=steps)(x)
    for first in range(0, 6, steps):
        tokens = torch.cat([x[t].flatten(2) for t in range(first, first + steps)], 2)
        whole = defined(tokens, 4, 2, 0.125).split(6, 2)
        for k in range(steps):
            assert torch.equal(out[first + k].flatten(2), whole[k])


def test_joining_steps_costs_no_more_where_tokens_outnumber_channels() -> None:
    x = torch.zeros(12, 7, 7)
    cost = {n: rv.Attention(4, 2, steps=n).operations(tuple(x.shape), (4, 7, 7)) for n in (1, 2, 4)}
    assert cost[1] == cost[2] == cost[4] == 2 * 4 * 49 * 2
    assert rv.Attention(64).operations((192, 4), (64, 4)) == 2 * 64 * 4 * 4


@pytest.mark.parametrize("steps", [1, 2])
def test_gradients_equal_finite_differences(steps: int) -> None:
    layer = rv.Attention(4, 2, steps=steps).double()
    x = torch.randn(4, 2, 12, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 2, 4, 3, dtype=torch.float64)

    def loss() -> Tensor:
        return ((layer(x) if steps > 1 else layer(x.flatten(0, 1)).unflatten(0, (4, 2))) * weight).sum()

    loss().backward()
    for place in (0, 17, 100, 287):
        assert float(x.grad.view(-1)[place]) == pytest.approx(slope(loss, x.detach().view(-1), place), rel=1e-6)


def network(steps: int = 1, **how: object) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(
        rv.Conv2d(3, 24, 1), rv.ThresholdBatchNorm(24), rv.PositionCode(24, 4, 5), rv.LIF(tau=3 * ms), rv.Attention(8, 2, scale=0.5, steps=steps),
        rv.LIF(tau=3 * ms), rv.Conv2d(8, 4, 1), rv.ThresholdBatchNorm(4), rv.LIF(), dt=1 * ms, **how,
    )  # fmt: skip


@pytest.mark.parametrize("steps", [1, 2])
def test_networks_agree_fold_cut_and_save(steps: int, tmp_path: Path) -> None:
    x, found = 2 * torch.rand(4, 3, 3, 4, 5, dtype=torch.float64), []
    for provider in ("cpu", "reference"):
        net = network(steps, dtype=torch.float64, provider=provider)
        out, _ = net(x)
        found.append((out.detach(), *torch.autograd.grad(out.square().sum(), list(net.parameters()))))
    assert 0.02 < float(found[0][0].mean()) < 0.9
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    net.eval()
    whole, _ = net(x)
    first, state = net(x[:2])
    assert torch.equal(torch.cat([first, net(x[2:], state)[0]]), whole)
    rv.save(net, tmp_path / "net")
    assert torch.equal(rv.load(tmp_path / "net")(x)[0], whole)
    assert torch.equal(rv.fold_norms(net)(x)[0], whole)
    if steps == 1:
        state = None
        for t in range(4):
            out, state = net.step(x[t], state)
            assert torch.equal(out, whole[t])


def test_the_threshold_takes_over_the_scale() -> None:
    x, made = spikes(5, 2, 24, 9), []
    for scale, threshold in ((0.125, 1.0), (1.0, 8.0)):
        net = rv.Sequential(
            rv.Attention(8, 2, scale=scale), rv.LIF(tau=3 * ms, V_th=threshold), dt=1 * ms, dtype=x.dtype
        )
        made.append(net(x)[0])
    assert torch.equal(*made)
    assert 0 < float(made[0].mean()) < 1


def test_rules_train_it_or_say_why_not() -> None:
    data = torch.rand(6, 4, 3, 4, 5), torch.arange(6) % 3

    def fit(steps: int, rule: object, **how: object) -> float:
        parts = network(steps), nn.Flatten(), rv.Linear(80, 3), rv.LeakyReadout(3)
        return (
            rv.train(rv.Sequential(*parts, dt=1 * ms), data, epochs=1, rule=rule, progress=False, **how)
            .history[-1]
            .train.loss
        )

    assert fit(1, rv.rules.BPTT()) == fit(1, rv.rules.SLTT())
    fit(2, rv.rules.BPTT(window=2))
    with pytest.raises(ShapeError, match=r"Attention maps 2 steps at once, but 1 are .* multiple of 2"):
        fit(2, rv.rules.BPTT(window=1))
    with pytest.raises(GraphError, match=r"maps 2 steps at once.*rv\.rules\.BPTT"):
        fit(2, rv.rules.SLTT())


@pytest.mark.parametrize(
    ("make", "error", "what"),
    [
        (lambda: rv.Attention(0), ShapeError, "channels=0"),
        (lambda: rv.Attention(6, -1), ShapeError, "heads=-1"),
        (lambda: rv.Attention(6, 4), ShapeError, "heads=4 must divide channels=6: give one of 1, 2, 3, 6, or 8 channels"),
        (lambda: rv.Attention(6, steps=1.5), ShapeError, "steps=1.5"),
        (lambda: rv.Attention(6, scale=0), ShapeError, "scale=0 must be"),
        (lambda: rv.Attention(6, scale="1"), ShapeError, "scale='1' must be"),
        (lambda: rv.Attention(6)(torch.zeros(2, 6, 4)), ShapeError, r"takes samples \[3 x 6, places …\], but a sample has shape \(6, 4\)"),
        (lambda: rv.Attention(6)(torch.zeros(2, 18)), ShapeError, r"a sample has shape \(18,\)"),
        (lambda: rv.Attention(6)(torch.zeros(2, 5, 18)), ShapeError, "channels come first, so use rv.Conv1d"),
        (lambda: rv.Attention(6, steps=2)(torch.zeros(3, 1, 18, 4)), ShapeError, "maps 2 steps at once, but 3 are"),
        (lambda: network(2)(torch.rand(3, 1, 3, 4, 5)), ShapeError, "maps 2 steps at once, but 3 are"),
        (lambda: network(2).step(torch.rand(1, 3, 4, 5)), ShapeError, "but 1 are run together"),
        (lambda: rv.Sequential(rv.Conv1d(4, 12, 1), rv.LIF((12, 5)), rv.Attention(6), rv.LIF((6, 5)), dt=1 * ms), ShapeError, r"\(12, 5\)"),
        (lambda: rv.step_graph(network(), shapes={"input": (3, 4, 5)}), ProviderError, "no node for Attention"),
        (lambda: rv.PositionCode(6), ShapeError, r"PositionCode\(6\) has no places: .* PositionCode\(6, 49\)"),
        (lambda: rv.PositionCode(6, 0), ShapeError, "0 must be a positive whole"),
        (lambda: rv.PositionCode(6, 4)(torch.zeros(2, 6, 5)), ShapeError, r"code for \(4,\) places, but a sample has \(5,\): .* rv.PositionCode\(6, 5\)"),
        (lambda: rv.PositionCode(6, 4)(torch.zeros(2, 5, 4)), ShapeError, r"up to \(6, 4\), but a sample has shape \(5, 4\)"),
        (lambda: rv.PositionCode(6, 4)(torch.zeros(2, 6, 2, 2)), ShapeError, "its axes"),
        (lambda: network()(torch.rand(2, 1, 3, 4, 6)), ShapeError, r"code for \(4, 5\) places, but a sample has \(4, 6\)"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make: object, error: type[Exception], what: str) -> None:
    with pytest.raises(error, match=what):
        make()


def test_a_code_is_added_and_serves_smaller_samples_and_step_graphs() -> None:
    code, x = rv.PositionCode(3, 4, 5), torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(code(x), x + code.code)
    torch.testing.assert_close(code(x[..., :2, :3]), x[..., :2, :3] + code.code[:, :2, :3])
    net = rv.Sequential(rv.Conv2d(2, 3, 1), code, rv.LIF((3, 4, 5)), dt=1 * ms)
    given = 3 * torch.rand(6, 1, 2, 4, 5)
    out = net(given)[0].detach()
    assert 0 < float(out.mean()) < 1
    graph = rv.step_graph(net, shapes={"input": (2, 4, 5)})
    plain, source, output = NumpyStep(graph), "input_input", f"output_{net.outputs[0]}"
    found = [plain.step({source: row})[output] for row in given[:, 0].numpy()]
    assert np.array_equal(np.stack(found), out[:, 0].numpy())
