"""Disturbances by their definitions, and tables of accuracy; the network stays as it is, also after errors."""

import copy

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError, TrainingError
from ranvier.measure import DeadCells, Disturbance, Drift, DropSpikes, JitterSpikes, Noise, Quantize, WeightNoise
from ranvier.units import ms


def network(recurrent=False, dtype=torch.float32):
    torch.manual_seed(1)
    hidden = rv.Recurrent(rv.LIF(16), rv.Linear(16, 16)) if recurrent else rv.LIF(16)
    net = rv.Sequential(rv.Linear(10, 16), hidden, rv.Linear(16, 3), rv.LeakyReadout(3), dt=1 * ms, seed=1, dtype=dtype)
    with torch.no_grad():
        for q in net.parameters():
            q.mul_(3)
    return net


def samples(net, count=40):
    x = (torch.rand(count, 8, 10, generator=torch.Generator().manual_seed(2)) < 0.4).to(net.dtype)
    return x, net(x.transpose(0, 1))[0].detach().mean(0).argmax(1)


def draw():
    return torch.Generator().manual_seed(3)


EVERY = [
    DropSpikes((0.5,)), JitterSpikes((2,)), Noise((0.5,)), DeadCells((0.5,)), WeightNoise((0.5,)), Drift((100,)), Quantize((2,)),
    rv.attacks.Attacked((0.5,), rv.attacks.PGD(0.1, steps=2)),
]  # fmt: skip


@pytest.mark.parametrize(("recurrent", "dtype"), [(False, torch.float32), (True, torch.float64)])
def test_the_network_stays_and_the_table_repeats(recurrent, dtype):
    net = network(recurrent, dtype).train()
    data, kept = samples(net), copy.deepcopy(net.state_dict())
    found = rv.measure.robustness(net, data, EVERY, draws=1)
    assert found["none"][0].accuracy == 1
    assert len(found.scores) == 1 + len(EVERY)
    assert any(s.accuracy < 1 for s in found.scores)
    assert all(s.low <= s.accuracy <= s.high for s in found.scores)
    assert net.training
    assert all(torch.equal(kept[n], v) for n, v in net.state_dict().items())
    assert not any(p._forward_hooks for p in net.populations.values())
    assert rv.measure.robustness(net, data, EVERY[:4], draws=1).scores == found.scores[:5]
    assert "Quantize" in str(found)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batches_do_not_matter(batch_size):
    net = network()
    data = samples(net, 15)
    some = [DropSpikes((0.4,)), DeadCells((0.4,)), WeightNoise((0.3,))]
    whole, parts = (rv.measure.robustness(net, data, some, draws=2, batch_size=n) for n in (64, batch_size))
    assert whole == parts


def test_nothing_at_strength_zero():
    net = network()
    data = samples(net)
    calm = [
        DropSpikes((0,)),
        JitterSpikes((0,)),
        Noise((0,)),
        DeadCells((0,)),
        WeightNoise((0,)),
        Drift((1,)),
        Quantize((24,)),
    ]
    assert {s.accuracy for s in rv.measure.robustness(net, data, calm, draws=1).scores} == {1.0}


def test_dropped_spikes_are_a_share():
    x = torch.ones(50, 20, 30)
    found = DropSpikes((0.3,)).change(x, 0.3, draw())
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert abs(float(found.mean()) - 0.7) < 0.01
    assert not DropSpikes((1,)).change(x, 1, draw()).any()


def test_jitter_moves_each_spike_alone():
    x = torch.zeros(41, 200, 3)
    x[20] = 1.0
    found = JitterSpikes((2.0,)).change(x, 2.0, draw())
    assert torch.equal(found.sum(0), torch.ones(200, 3))
    times = (found * torch.arange(41.0)[:, None, None]).sum(0)
    assert abs(float(times.mean()) - 20) < 0.3
    assert abs(float(times.std()) - (4 + 1 / 12) ** 0.5) < 0.2
    assert float(JitterSpikes((50,)).change(x, 50, draw()).sum()) == float(x.sum())  # none leaves the sequence


def test_numbers_of_weights():
    weight = torch.randn(200, 300, generator=draw(), dtype=torch.float64)
    noisy = WeightNoise((0.1,)).change(weight, 0.1, draw())
    assert abs(float((noisy - weight).std() / weight.std()) - 0.1) < 0.002
    faded = Drift((100,), exponent=0.1, spread=0.0).change(weight, 100, draw())
    torch.testing.assert_close(faded, weight * 100**-0.1)
    assert bool((Drift((100,), spread=1.0).change(weight, 100, draw()).abs() <= weight.abs()).all())
    rounded = Quantize((3,)).change(weight, 3, draw())
    assert len(rounded.unique()) == 7
    assert float((rounded - weight).abs().max()) <= float(weight.abs().max()) / 3 / 2 + 1e-12
    assert not Quantize((3,)).change(torch.zeros(2, 2), 3, draw()).any()


def test_dead_cells_emit_nothing():
    net, (x, y) = network(), samples(network())
    silent, _ = DeadCells((0.5,))(copy.deepcopy(net), x.transpose(0, 1), y, 0.5, draw())
    spikes = silent.observe(x.transpose(0, 1), record={"lif1": ["spikes"]})["lif1"]["spikes"].sum((0, 1))
    out, gone = silent(x.transpose(0, 1))[0], ~silent.populations["lif1"]._forward_hooks.popitem()[1].alive
    assert 0 < int(gone.sum()) < 16
    with torch.no_grad():
        net["linear2"].weight[:, gone] = 0
    torch.testing.assert_close(out, net(x.transpose(0, 1))[0])
    assert spikes.shape == (16,)


def test_all_dead_cells_leave_the_biases():
    net, (x, _) = network(True), samples(network(True))
    silent, _ = DeadCells((1,))(copy.deepcopy(net), x, None, 1.0, draw())
    a, b = (silent(z.transpose(0, 1))[0] for z in (x, torch.zeros_like(x)))
    assert torch.equal(a, b)


def test_an_attack_is_a_disturbance():
    net = network()
    x, y = samples(net)
    found = rv.measure.robustness(
        net, (x, y), [rv.attacks.Attacked((0.2, 0.5), rv.attacks.FGSM(0.1), together=7)], draws=1
    )
    for score, eps in zip(found["FGSM"], (0.2, 0.5), strict=True):
        attack = rv.attacks.FGSM(eps)
        wrong = attack.target(net).wrong(attack(net, x.transpose(0, 1), y), y)
        assert abs(score.accuracy - (1 - float(wrong.double().mean()))) < 0.051  # signs of gradients of rounding size


class Broken(Disturbance):
    def __call__(self, net, x, y, strength, draw):
        with torch.no_grad():
            next(net.parameters()).zero_()
        raise ValueError("broken")


def test_an_error_leaves_the_network():
    net = network()
    data, before = samples(net), copy.deepcopy(net.state_dict())
    with pytest.raises(ValueError, match="broken"):
        rv.measure.robustness(net, data, [Broken((1,))])
    assert all(torch.equal(before[n], v) for n, v in net.state_dict().items())


def scored(disturbances=(), net=None, data=None, **how):
    net = network() if net is None else net
    return rv.measure.robustness(net, samples(network(), 4) if data is None else data, disturbances, **how)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: DropSpikes((1.5,)), "from 0 to 1"),
        (lambda: DropSpikes(()), "no strengths"),
        (lambda: Noise((-0.1,)), "from 0 to inf"),
        (lambda: Noise(("much",)), "must be a number"),
        (lambda: Quantize((1,)), "from 2 to 32"),
        (lambda: Drift((0.5,)), "from 1 to inf"),
        (lambda: Drift((10,), exponent=-1), "exponent=-1"),
        (lambda: DeadCells((float("nan"),)), "from 0 to 1"),
        (lambda: rv.attacks.Attacked((0.0,), rv.attacks.FGSM(0.1)), "eps=0.0"),
        (lambda: rv.attacks.Attacked((0.1,), rv.attacks.SparseDynamic()), "has no eps"),
        (lambda: scored([0.1]), "is no disturbance"),
        (lambda: scored([Noise]), "is no disturbance"),
        (lambda: scored(net=nn.Linear(2, 2)), "network of Ranvier, got Linear"),
        (lambda: scored(draws=0), "draws=0"),
        (lambda: scored(batch_size=0), "batch_size=0"),
        (lambda: scored(data=(torch.rand(4, 8, 10), torch.rand(4))), "whole numbers"),
        (lambda: scored(data=(torch.rand(4, 8, 10), torch.tensor([0, 1, 2, 3]))), "not a class"),
        (lambda: scored(loss=rv.losses.Regression()), "reads no classes"),
        (lambda: scored()["Noise"], "no disturbance is called 'Noise'"),
    ],
)
def test_mistakes_name_their_remedy(wrong, told):
    with pytest.raises((RanvierError, ShapeError, TrainingError), match=told):
        wrong()
