"""Attacks by their definitions, on dense, convolutional and recurrent networks and modules of torch; the network stays as it is."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError, TrainingError
from ranvier.units import Hz, ms


def dense(dtype=torch.float32, provider=None, **how):
    torch.manual_seed(1)
    net = rv.Sequential(
        rv.Linear(12, 20), rv.LIF(20, tau=5 * ms), rv.Linear(20, 3), rv.LeakyReadout(3, tau=5 * ms), dt=1 * ms, seed=1, dtype=dtype, provider=provider, **how
    )  # fmt: skip
    return strengthened(net)


def recurrent(dtype=torch.float32, provider=None):
    torch.manual_seed(2)
    net = rv.Sequential(
        rv.Linear(12, 20, delay=1 * ms), rv.Recurrent(rv.ALIF(20), rv.Linear(20, 20)), rv.Linear(20, 3), dt=1 * ms, seed=1, dtype=dtype, provider=provider
    )  # fmt: skip
    return strengthened(net)


def conv(dtype=torch.float32, provider=None):
    torch.manual_seed(3)
    net = rv.Sequential(
        rv.Conv2d(1, 4, 3, padding=1), rv.LIF((4, 6, 6)), nn.AvgPool2d(2), nn.Flatten(), rv.Linear(36, 3), dt=1 * ms, dtype=dtype, provider=provider
    )  # fmt: skip
    return strengthened(net)


def strengthened(net):
    with torch.no_grad():
        for q in net.parameters():
            q.mul_(3)
    return net


def given(make, batch, dtype=torch.float32):
    draw = torch.Generator().manual_seed(4)
    x = torch.rand(6, batch, *((1, 6, 6) if make is conv else (12,)), generator=draw)
    return x.to(dtype), torch.arange(batch) % 3


@pytest.mark.parametrize("make", [dense, recurrent, conv])
@pytest.mark.parametrize(("batch", "dtype"), [(1, torch.float64), (7, torch.float32)])
@pytest.mark.parametrize("surrogate", [None, rv.surrogates.Triangle(), rv.attacks.PotentialDependent()])
def test_one_step_follows_the_sign(make, batch, dtype, surrogate):
    net, (x, y) = make(dtype), given(make, batch, dtype)
    attack = rv.attacks.FGSM(0.05, surrogate=surrogate)
    found = attack(net, x, y)
    asked = x.clone().requires_grad_()
    target = attack.target(net)
    functional.cross_entropy(target.output(asked).mean(0), y).backward()
    wanted = (x + 0.05 * asked.grad.sign()).clamp(0, 1)
    torch.testing.assert_close(found, wanted)
    apart = torch.cat([attack(net, x[:, b : b + 1], y[b : b + 1]) for b in range(batch)], 1)
    assert ((apart - found).abs() > 1e-6).double().mean() < 0.01  # a gradient of rounding size may have either sign


@pytest.mark.parametrize("make", [dense, recurrent, conv])
@pytest.mark.parametrize("surrogate", [None, rv.attacks.PotentialDependent()])
def test_providers_agree(make, surrogate):
    x, y = given(make, 3, torch.float64)
    attack = rv.attacks.FGSM(0.05, surrogate=surrogate)
    found = [attack.target(make(torch.float64, p)).gradient(x, y)[0] for p in (None, "reference")]
    torch.testing.assert_close(*found, rtol=1e-8, atol=1e-12)


def test_the_width_is_the_spread_of_each_sample():
    """The potential-dependent gradient of one leaky layer, written out in torch."""
    net, (x, y) = dense(torch.float64), given(dense, 2, torch.float64)
    found, _ = rv.attacks.FGSM(0.1, surrogate=rv.attacks.PotentialDependent(centre=0.3)).target(net).gradient(x, y)
    before = net.observe(x, record={"lif1": ["v_before"]})["lif1"]["v_before"].detach()
    for b in range(2):
        spread = (before[:, b] - 1.0).std(correction=0)
        fixed = dense(
            torch.float64,
            surrogate=rv.surrogates.Surrogate("exp(-(u - centre)**2/2)/sqrt(2*pi)", float(spread), centre=0.3),
        )
        one = x[:, b : b + 1].clone().requires_grad_()
        functional.cross_entropy(fixed(one)[0].mean(0), y[b : b + 1]).backward()
        torch.testing.assert_close(found[:, b : b + 1], one.grad)


def test_silent_cells_count_as_spread_one():
    net = rv.Sequential(rv.Linear(4, 5, bias=False), rv.LIF(5), rv.Linear(5, 2), dt=1 * ms, seed=1)
    target = rv.attacks.FGSM(0.1, surrogate=rv.attacks.PotentialDependent()).target(net)
    target.gradient(torch.zeros(3, 2, 4), torch.tensor([0, 1]))
    assert torch.equal(target.net.populations["lif1"].surrogate_width.flatten(), torch.ones(2, dtype=torch.float64))
    assert not target.wrong(torch.rand(3, 5, 4), target.predicted(target.output(torch.rand(3, 5, 4)))).shape[1:]


def test_several_steps_by_hand():
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.rand(4, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    found = rv.attacks.PGD(0.2, steps=4, step=0.08, random_start=False)(net, x, y)
    now = x.clone()
    for _ in range(4):
        asked = now.clone().requires_grad_()
        out = net(asked)
        functional.cross_entropy(out, y, reduction="sum").backward()
        moved = (x + (asked + 0.08 * asked.grad.sign() - x).clamp(-0.2, 0.2)).clamp(0, 1)
        now = torch.where((out.argmax(1) == y)[:, None], moved, now).detach()
    torch.testing.assert_close(found, now)


@pytest.mark.parametrize(
    "attack",
    [rv.attacks.FGSM(0.05), rv.attacks.PGD(0.05, steps=2), rv.attacks.RandomNoise(0.05, draws=3)],
    ids=lambda attack: type(attack).__name__,
)
def test_changes_stay_in_bounds_and_the_network_as_it_is(attack):
    net, (x, y) = dense().train(), given(dense, 7)
    kept = copy.deepcopy(net.state_dict())
    found = attack(net, x, y)
    assert found.shape == x.shape
    assert float((found - x).abs().max()) <= 0.05 + 1e-6
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert torch.equal(found, attack(net, x, y))
    assert net.training
    assert all(q.requires_grad for q in net.parameters())
    assert all(torch.equal(kept[n], v) for n, v in net.state_dict().items())
    assert net.populations["lif1"].surrogate.expression == rv.surrogates.ArcTan().expression


def test_noise_keeps_the_first_success():
    net, (x, y) = dense(), given(dense, 7)
    few, many = (rv.attacks.RandomNoise(0.3, draws=n) for n in (1, 12))
    target = few.target(net)
    assert int(target.wrong(many(net, x, y), y).sum()) >= int(target.wrong(few(net, x, y), y).sum())


def test_a_network_inside_a_module():
    net = dense()

    class Shown(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x.expand(6, *x.shape))[0]

    x, y = torch.rand(4, 12), torch.tensor([0, 1, 2, 0])
    attack = rv.attacks.FGSM(0.05, surrogate=rv.attacks.PotentialDependent())
    found = attack(Shown(), x, y)
    asked = x.expand(6, 4, 12)
    gradient = attack.target(net).gradient(asked, y)[0].sum(0)
    torch.testing.assert_close(found, (x + 0.05 * gradient.sign()).clamp(0, 1))


def test_layers_and_outputs_alone():
    x, y = torch.rand(6, 4, 3), torch.tensor([0, 1, 2, 0])
    layer = rv.LIF(3).layer(dt=1 * ms, seed=1)
    assert rv.attacks.FGSM(0.1)(layer, x, y).shape == x.shape
    assert rv.attacks.FGSM(0.1, surrogate=rv.attacks.PotentialDependent())(
        dense().output_only(), *given(dense, 4)
    ).shape == (6, 4, 12)


def test_replaced_surrogates_change_gradients_alone(tmp_path):
    net, (x, _) = dense(), given(dense, 3)
    asked = x.clone().requires_grad_()
    before = net(asked)[0]
    before.square().sum().backward()
    old, asked.grad = asked.grad, None
    net.replace_surrogates(rv.surrogates.Gaussian(sigma=0.2))
    after = net(asked)[0]
    after.square().sum().backward()
    assert torch.equal(before, after)
    assert not torch.allclose(old, asked.grad)
    new = dense(surrogate=rv.surrogates.Gaussian(sigma=0.2))
    other = x.clone().requires_grad_()
    new(other)[0].square().sum().backward()
    torch.testing.assert_close(asked.grad, other.grad)
    rv.save(net, tmp_path / "net")
    assert rv.load(tmp_path / "net").populations["lif1"].surrogate.shape == {"sigma": 0.2}
    with pytest.raises(RanvierError, match="not a surrogate"):
        net.replace_surrogates("arctan")


def sourced():
    net = rv.Network(dt=1 * ms, seed=1)
    net.source("noise", rv.Poisson(20 * Hz, 5))
    net.population("cells", 3, rv.LIF(3), output=True)
    net.connect("noise", "cells", rv.Linear(5, 3))
    return net


class Rounded(nn.Module):
    def forward(self, x):
        return x.detach().round()[..., :3]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: rv.attacks.FGSM(0.0), "eps=0.0 must be a number above 0"),
        (lambda: rv.attacks.FGSM(-1), "above 0"),
        (lambda: rv.attacks.FGSM(0.1, bounds=(1, 0)), "low < high"),
        (lambda: rv.attacks.FGSM(0.1, bounds=3), "pair of numbers"),
        (lambda: rv.attacks.PGD(0.1, steps=0), "steps=0"),
        (lambda: rv.attacks.PGD(0.1, step=1.0), "2\\*eps"),
        (lambda: rv.attacks.RandomNoise(0.1, draws=0), "draws=0"),
        (lambda: rv.attacks.FGSM(0.1, samples_axis=-1), "samples_axis"),
        (lambda: rv.attacks.PotentialDependent(0), "centre=0"),
        (lambda: attacked(net="net"), "takes a module, got str"),
        (lambda: attacked(net=sourced()), "own sources"),
        (lambda: attacked(y=torch.zeros(3)), "whole numbers"),
        (lambda: attacked(y=torch.zeros(5, dtype=torch.long)), "counts 4 samples"),
        (lambda: attacked(y=torch.tensor([0, 1, 2, 3])), "target 3 is not a class"),
        (lambda: attacked(x=torch.rand(6, 4, 12) * 2), "outside of bounds"),
        (lambda: attacked(x=torch.full((6, 4, 12), torch.nan)), "not finite"),
        (lambda: attacked(x=torch.ones(6, 4, 12, dtype=torch.long)), "real numbers"),
        (lambda: attacked(x=torch.rand(6, 0, 12), y=torch.zeros(0, dtype=torch.long)), "at least one sample"),
        (lambda: attacked(loss=rv.losses.Regression()), "reads no classes"),
        (lambda: attacked(loss=nn.CrossEntropyLoss()), "reads no classes"),
        (lambda: attacked(surrogate="wide"), "no way back"),
        (lambda: attacked(net=Rounded(), samples_axis=1), "no gradient by x"),
        (lambda: attacked(net=nn.Identity(), x=torch.rand(6, 4, 12, 2), samples_axis=1), "reads one output"),
    ],
)  # fmt: skip
def test_mistakes_name_their_remedy(wrong, told):
    with pytest.raises((RanvierError, ShapeError, TrainingError), match=told):
        wrong()


def attacked(net=None, x=None, y=None, **how):
    samples, classes = given(dense, 4)
    return rv.attacks.FGSM(0.1, **how)(
        dense() if net is None else net, samples if x is None else x, classes if y is None else y
    )


def test_the_margin_is_the_lead_of_the_best_other_class():
    out, y = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True), torch.tensor([0, 1, 2, 3, 0])
    read = out.mean(0)
    wanted = torch.stack([torch.cat([read[b, :c], read[b, c + 1 :]]).max() - read[b, c] for b, c in enumerate(y)])
    loss = rv.losses.Margin()
    torch.testing.assert_close(loss(out, y), wanted.mean())
    assert torch.equal(loss.predict(out) != y, wanted > 0)
    assert torch.autograd.gradcheck(lambda o: loss(o, y), (out,))
