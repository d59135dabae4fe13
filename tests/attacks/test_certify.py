"""The certificate passes attacks that see gradients, and names what speaks against those that do not."""

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from tests.attacks.test_attacks import dense, given


def task(net, samples=40, axis=1):
    x, _ = given(dense, samples)
    x = x if axis else x[0]
    with torch.no_grad():
        out = net(x)
    return x, (out[0].mean(0) if axis else out).argmax(1)


def plain():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 3))


def test_an_attack_on_a_smooth_module_sees_gradients():
    net = plain().double()
    x, y = given(dense, 30, torch.float64)
    y = net(x[0]).argmax(1)
    found = rv.attacks.certify(net, x[0], y, rv.attacks.PGD(0.1, steps=5))
    assert found.sees_gradients, str(found)
    assert found.samples == 30
    assert found.gradients == found.smooth == found.agrees == 1
    assert set(found.controls) == {"random signs", "one step"}
    assert found.success > found.controls["random signs"]
    assert "sees gradients" in str(found)


def test_an_attack_on_spikes_sees_gradients():
    net = dense()
    found = rv.attacks.certify(net, *task(net), rv.attacks.PGD(0.3, steps=6))
    assert found.sees_gradients, str(found)
    assert {"through surrogate ArcTan", "through potential-dependent"} <= set(found.controls)


def test_a_planted_mask_is_flagged_and_lifted():
    """A surrogate so narrow that no gradient passes, which makes a network look robust."""
    net = dense(surrogate=rv.surrogates.Boxcar(width=1e-6))
    x, y = task(net)
    found = rv.attacks.certify(net, x, y, rv.attacks.PGD(0.5, steps=6, random_start=False), draws=30)
    assert not found.sees_gradients
    assert found.gradients < 0.05
    assert found.success < found.controls["random signs"]
    assert any("random signs succeeds" in f for f in found.findings)
    assert any("gradient is zero" in f for f in found.findings)
    assert any("half of the range" in f for f in found.findings)
    assert "! " in str(found)
    wide = rv.attacks.certify(
        net, x, y, rv.attacks.PGD(0.5, steps=6, surrogate=rv.attacks.PotentialDependent()), draws=30
    )
    assert wide.success > found.controls["random signs"]
    assert not any("gradient is zero" in f or "random signs succeeds" in f for f in wide.findings)


class Stairs(nn.Module):
    """Rounds its input, with a slope that points the wrong way."""

    def __init__(self):
        super().__init__()
        self.net = plain()

    def forward(self, x):
        return self.net(x.detach() - 0.001 * (x - x.detach()))


def test_wrong_slopes_are_flagged_by_another_network():
    net = Stairs()
    x, y = task(net, axis=0)
    found = rv.attacks.certify(net, x, y, rv.attacks.PGD(0.1, steps=5), sources=[plain()])
    assert any("from network 1 succeeds" in f for f in found.findings)
    assert any("rises more" in f for f in found.findings)
    assert found.agrees < found.smooth


class Detached(Stairs):
    def forward(self, x):
        return self.net(x.detach())


def test_an_absent_gradient_is_a_finding():
    net = Detached()
    found = rv.attacks.certify(net, *task(net, axis=0), rv.attacks.PGD(0.1))
    assert found.gradients == 0
    assert "no gradient by x" in found.findings[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda net, x, y: rv.attacks.certify(net, x, y, rv.attacks.FGSM(0.1)), "judges rv.attacks.PGD, got FGSM"),
        (lambda net, x, y: rv.attacks.certify(net, x, y, rv.attacks.PGD(0.1), draws=0), "draws=0"),
        (lambda net, x, y: rv.attacks.certify(net, x, (y + 1) % 3, rv.attacks.PGD(0.1)), "no sample has its class"),
        (lambda net, x, y: rv.attacks.certify(net, x, y[:3], rv.attacks.PGD(0.1)), "counts 5 samples"),
    ],
)
def test_mistakes_name_their_remedy(wrong, told):
    net = dense()
    with pytest.raises(RanvierError, match=told):
        wrong(net, *task(net, 5))
