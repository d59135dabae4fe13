"""Flips of binary frames: few, sufficient, and none that could be taken back."""

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError
from tests.attacks.test_attacks import conv, dense, given


def frames(make, batch, dtype=torch.float32):
    x, _ = given(make, batch, dtype)
    x = x.round()
    return x, rv.attacks.FGSM(0.1).target(make(dtype)).predicted(make(dtype)(x)[0].detach())


@pytest.mark.parametrize("make", [dense, conv])
@pytest.mark.parametrize(("batch", "dtype"), [(1, torch.float64), (3, torch.float32)])
def test_few_flips_change_the_class(make, batch, dtype):
    net, (x, y) = make(dtype), frames(make, batch, dtype)
    attack = rv.attacks.SparseDynamic(
        first=2, rounds=40, loss=rv.losses.Margin(), surrogate=rv.attacks.PotentialDependent()
    )
    found = attack(net, x, y)
    assert set(found.unique().tolist()) <= {0.0, 1.0}
    flips = (found != x).transpose(0, 1).flatten(1).sum(1)
    wrong = attack.target(net).wrong(found, y)
    assert torch.equal(wrong, flips > 0)
    assert bool(wrong.all())
    assert int(flips.max()) < x[:, 0].numel() / 3
    for b in range(batch):  # a sample of one flip needs it; of several, the class rests on those that are left
        apart = attack(net, x[:, b : b + 1], y[b : b + 1])
        assert torch.equal(attack.target(net).wrong(apart, y[b : b + 1]), wrong[b : b + 1])


def test_bisection_keeps_the_fewest_of_the_order():
    """Against trying every number of flips that are taken back, on a linear module, whose loss grows with each flip."""
    net = torch.nn.Linear(40, 2)
    x, y = (torch.rand(1, 40) < 0.5).float(), torch.tensor([0])
    y = net(x).argmax(1)
    attack = rv.attacks.SparseDynamic(first=10, loss=rv.losses.Margin())
    flips = int((attack(net, x, y) != x).sum())
    gain = ((1 - 2 * x) * (net.weight[1 - y] - net.weight[y]))[0].detach().sort(descending=True).values
    lead = -float(rv.losses.Margin()(net(x)[None].detach(), y))
    wanted = next(n for n in range(1, 41) if float(gain[:n].sum()) > lead)
    assert flips == wanted


def test_samples_with_another_class_and_hopeless_ones_stay():
    net, (x, y) = dense(), frames(dense, 3)
    attack = rv.attacks.SparseDynamic(first=1, rounds=1)
    assert torch.equal(attack(net, x, (y + 1) % 3), x)
    still = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    with torch.no_grad():
        still[1].weight.mul_(1e-6)
        still[1].bias.copy_(torch.tensor([5.0, -5.0]))
    one = x[0]
    assert torch.equal(attack(still, one, torch.zeros(3, dtype=torch.long)), one)


def test_random_flips_are_as_many_as_asked():
    net, (x, y) = conv(), frames(conv, 4)
    found = rv.attacks.RandomFlips(7)(net, x, y)
    assert (found != x).transpose(0, 1).flatten(1).sum(1).tolist() == [7] * 4
    many = rv.attacks.RandomFlips(30, draws=15)
    assert int(many.target(net).wrong(many(net, x, y), y).sum()) >= int(many.target(net).wrong(found, y).sum())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x, y: rv.attacks.SparseDynamic(first=0), "first=0"),
        (lambda x, y: rv.attacks.SparseDynamic(rounds=1.5), "rounds=1.5"),
        (lambda x, y: rv.attacks.SparseDynamic(together=0), "together=0"),
        (lambda x, y: rv.attacks.SparseDynamic()(dense(), x * 0.5, y), "zeros and ones"),
        (lambda x, y: rv.attacks.RandomFlips(0), "count=0"),
        (lambda x, y: rv.attacks.RandomFlips(3, draws=0), "draws=0"),
        (lambda x, y: rv.attacks.RandomFlips(1000)(dense(), x, y), "at most 72"),
        (lambda x, y: rv.attacks.RandomFlips(1)(dense(), x + 1, y), "zeros and ones"),
    ],
)
def test_mistakes_name_their_remedy(wrong, told):
    with pytest.raises(RanvierError, match=told):
        wrong(*frames(dense, 2))
