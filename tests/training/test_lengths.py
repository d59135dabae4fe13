"""A padded batch with lengths is, to rounding, its samples run one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.units import ms

LENGTHS = torch.tensor([9, 4, 12, 1])
STEPS = 12
Y = torch.tensor([2, 0, 1, 2])
LOSSES = [
    rv.losses.SpikeCount(),
    rv.losses.SpikeRate(),
    rv.losses.FirstSpike(),
    rv.losses.MaxOverTime(),
    rv.losses.MeanMembrane(),
    rv.losses.LastMembrane(),
    rv.losses.TET(lam=0.2),
    rv.losses.EveryStep(),
    rv.losses.OverTime(nn.CrossEntropyLoss()),
    rv.losses.OverTime(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)), at="every"),
]


def make(provider: str, fires: bool = True) -> rv.Sequential:
    torch.manual_seed(0)
    last = rv.LIF(3, tau=5 * ms) if fires else rv.LeakyReadout(3, tau=5 * ms)
    net = rv.Sequential(
        rv.Linear(6, 10, delay=rv.Uniform(0 * ms, 3 * ms)), rv.LIF(10, tau=rv.Learn(8 * ms)),
        rv.Linear(10, 8), rv.Recurrent(rv.ALIF(8), rv.Linear(8, 8)),
        rv.Linear(8, 3), last, dt=1 * ms, dtype=torch.float64, provider=provider,
    )  # fmt: skip
    with torch.no_grad():
        for p in net.projections.values():
            p.chain[0].weight.mul_(3)
    return net


def padded(seed: int = 0) -> torch.Tensor:
    """Spikes [T, B, 6], with noise where no sample is."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(STEPS, 4, 6, generator=generator) < 0.4).double()


def gradients(net: nn.Module) -> list[torch.Tensor]:
    return [torch.zeros_like(q) if q.grad is None else q.grad.clone() for q in net.parameters()]


@pytest.mark.parametrize("provider", ["cpu", "reference"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_outputs_losses_and_gradients_are_those_of_single_samples(provider: str, loss: rv.losses.Loss) -> None:
    net, x = make(provider), padded()
    out, state = net(x, lengths=LENGTHS)
    loss(out, Y, LENGTHS).backward()
    together = gradients(net)
    net.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for b, n in enumerate(LENGTHS.tolist()):
        alone, after = net(x[:n, b : b + 1])
        torch.testing.assert_close(out[:n, b : b + 1], alone, rtol=1e-12, atol=1e-12)
        assert not out[n:, b].any()
        for (path, value), one in zip(state.tensors().items(), after.tensors().values(), strict=True):
            axis = 1 if path.startswith("history/") else 0
            torch.testing.assert_close(value.narrow(axis, b, 1), one, rtol=1e-12, atol=1e-12, msg=path)
        assert loss.predict(out, LENGTHS)[b] == loss.predict(alone)[0]
        total = total + loss(alone, Y[b : b + 1]) / len(LENGTHS)
    total.backward()
    torch.testing.assert_close(loss(out, Y, LENGTHS), total, rtol=1e-12, atol=1e-12)
    assert any(float(g.abs().max()) > 1e-6 for g in together)
    for a, b in zip(together, gradients(net), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("rule", [rv.rules.BPTT(), rv.rules.BPTT(window=5), rv.rules.BPTT(checkpoint=3)], ids=repr)
def test_padding_does_not_change_what_is_learnt(rule: rv.rules.Rule) -> None:
    """Whatever stands after the ends, the same numbers come out of a training."""
    results = []
    for filling in (0.0, 1.0):
        net, x = make("cpu"), padded()
        for b, n in enumerate(LENGTHS.tolist()):
            x[n:, b] = filling
        fit = rv.train(
            net, (x.transpose(0, 1), Y, LENGTHS), (x.transpose(0, 1), Y, LENGTHS), epochs=3, batch_size=2, rule=rule, progress=False
        )  # fmt: skip
        results.append((fit, list(net.parameters())))
    (one, first), (two, second) = results
    assert [e.train for e in one.history] == [e.train for e in two.history]
    assert [e.valid for e in one.history] == [e.valid for e in two.history]
    assert [e.rates for e in one.history] == [e.rates for e in two.history]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_truncation_is_that_of_single_samples() -> None:
    """Windows are counted from the start of the input, wherever samples end."""
    net, x = make("cpu"), padded()
    out, _ = net(x, window=5, lengths=LENGTHS)
    out.sum().backward()
    together = gradients(net)
    net.zero_grad()
    for b, n in enumerate(LENGTHS.tolist()):
        net(x[:n, b : b + 1], window=5)[0].sum().backward()
    for a, b in zip(together, gradients(net), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def test_rates_leave_out_what_is_padded() -> None:
    net, x = make("cpu"), padded()
    fit = rv.train(net, (x.transpose(0, 1), Y, LENGTHS), epochs=1, lr=1e-12, progress=False)
    seen = net.observe(x, record={"lif1": ["spikes"]}, lengths=LENGTHS)["lif1"]["spikes"]
    assert fit.history[0].rates["lif1"] == pytest.approx(float(seen.detach().sum()) / 10 / int(LENGTHS.sum()), rel=1e-9)


def test_a_state_goes_on_where_each_sample_ended() -> None:
    """Two padded calls are one call of the joined samples."""
    net, x = make("cpu"), padded()
    _, state = net(x, lengths=LENGTHS)
    more, _ = net(padded(1), state, lengths=torch.tensor([3, 12, 0, 5]))
    whole, _ = net(torch.cat([x[:4, 1:2], padded(1)[:, 1:2]]))
    torch.testing.assert_close(more[:, 1:2], whole[4:], rtol=1e-12, atol=1e-12)


def test_a_mask_says_the_same() -> None:
    net, x = make("reference"), padded()
    mask = torch.arange(STEPS).unsqueeze(1) < LENGTHS
    torch.testing.assert_close(net(x, lengths=mask)[0], net(x, lengths=LENGTHS)[0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("lengths", "what"),
    [
        ([1, 2, 3], "shape"),
        ([1, 2, 3, 13], "length 13 does not fit"),
        ([1, 2, 3, -1], "length -1"),
        ([1.0, 2.0, 3.0, 4.0], "whole numbers"),
        (torch.tensor([[True, False, True]] * 4).T.repeat(4, 1), "gap"),
    ],
)
def test_wrong_lengths_are_named(lengths: object, what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        make("reference")(padded(), lengths=lengths)


def test_a_loss_that_ignores_lengths_is_refused() -> None:
    x = padded().transpose(0, 1)
    with pytest.raises(TrainingError, match="does not take it"):
        rv.train(make("cpu"), (x, Y, LENGTHS), epochs=1, loss=lambda out, y: out.mean(), progress=False)
    rv.train(make("cpu"), (x, Y, LENGTHS), epochs=1, loss=lambda out, y, n: out.sum() / n.sum(), progress=False)


def test_data_sets_and_loaders_give_lengths() -> None:
    x = padded().transpose(0, 1)
    items = [(x[k], Y[k], int(LENGTHS[k])) for k in range(4)]
    losses = []
    for source in ((x, Y, LENGTHS), items, torch.utils.data.DataLoader(items, batch_size=4)):  # type: ignore[arg-type]
        fit = rv.train(make("cpu"), source, source, epochs=1, batch_size=4, progress=False)
        losses.append(fit.history[0].valid.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-9) == pytest.approx(losses[2], rel=1e-9)


def test_samples_without_steps_are_refused() -> None:
    x = padded().transpose(0, 1)
    with pytest.raises(ShapeError, match="length 0"):
        rv.train(make("cpu"), (x, Y, torch.tensor([1, 0, 2, 3])), epochs=1, progress=False)
    with pytest.raises(ShapeError, match="lengths has 3"):
        rv.train(make("cpu"), (x, Y, torch.tensor([1, 2, 3])), epochs=1, progress=False)
