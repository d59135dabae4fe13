"""SpikePoint: an ordinary graph whose answer does not depend on the order of points and groups."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms


def network(dtype: torch.dtype = torch.float32, provider: str | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    parts = rv.blocks.spike_point(groups=4, size=5, local=8, wide=12)
    net = rv.Sequential(*parts, rv.Linear(12, 3), dt=1 * ms, dtype=dtype, provider=provider)
    spikes = coded(7, dtype)
    net(spikes)  # running statistics of the norms
    return net.eval()


def coded(batch: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    groups = rv.encoding.point_groups(torch.rand(batch, 30, 3, dtype=dtype, generator=generator), 4, 5)
    return rv.encoding.bernoulli(groups, 6, generator=generator)


@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize(("groups", "size"), [(5, 5), (4, 6), (4, 13)])
def test_no_point_and_no_group_is_dropped(pool: str, groups: int, size: int) -> None:
    net = rv.Sequential(
        *rv.blocks.spike_point(groups=4, size=5, local=8, wide=12, pool=pool), rv.Linear(12, 3), dt=1 * ms
    )
    with pytest.raises(ShapeError, match="12"):
        net(torch.ones(2, 1, 6, groups, size))


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_order_of_groups_and_points_does_not_matter(batch: int, dtype: torch.dtype) -> None:
    net, x = network(dtype), coded(batch, dtype)
    out = net(x)[0]
    assert out.shape == (6, batch, 3)
    assert float(out.detach().std()) > 0
    torch.testing.assert_close(net(x[..., torch.randperm(4), :])[0], out)
    torch.testing.assert_close(net(x[..., torch.randperm(5)])[0], out)


def test_branches_do_not_meet_before_their_join() -> None:
    """Offsets alone decide the first half of the channels of the first cells, beginnings the other."""
    net, x = network(), coded(2)
    changed = x.clone()
    changed[:, :, 3:] = 1 - changed[:, :, 3:]
    one, other = (net.observe(s, record={"lif3": ["spikes"]})["lif3"]["spikes"] for s in (x, changed))
    assert torch.equal(one[:, :, :4], other[:, :, :4])
    assert not torch.equal(one[:, :, 4:], other[:, :, 4:])


def test_every_cell_gets_spikes_and_the_way_past_is_the_identity() -> None:
    net, x = network(), coded(3)
    seen = net.observe(x, record={name: ["spikes"] for name, p in net.populations.items() if p.cell.fires})
    assert len(seen) == 9
    for one in seen.values():
        assert set(one["spikes"].unique().tolist()) <= {0.0, 1.0}
    assert [name for name, p in net.projections.items() if not list(p.parameters())][:2] == ["direct1", "direct2"]


def test_steps_equal_the_sequence_and_providers_agree(tmp_path: Path) -> None:
    net, x = network(), coded(2)
    out, state = net(x)[0], None
    for t, s in enumerate(x):
        one, state = net(s[None], state)
        torch.testing.assert_close(one[0], out[t])
    torch.testing.assert_close(network(provider="reference")(x)[0], out)
    rv.save(net, tmp_path / "net")
    torch.testing.assert_close(rv.load(tmp_path / "net").eval()(x)[0], out)


def test_it_learns_where_the_points_lie() -> None:
    torch.manual_seed(3)
    y = torch.arange(40) % 2
    points = torch.rand(40, 30, 3) * torch.where(y == 1, 1.0, 0.4)[:, None, None]
    x = rv.encoding.bernoulli(rv.encoding.point_groups(points, 4, 5), 6).transpose(0, 1)
    net = rv.Sequential(
        *rv.blocks.spike_point(groups=4, size=5, local=8, wide=12, pool="mean"), rv.Linear(12, 2), dt=1 * ms, seed=1
    )
    loss = rv.losses.OverTime(torch.nn.CrossEntropyLoss())
    fit = rv.train(net, (x, y), epochs=8, lr=2e-2, batch_size=20, loss=loss, progress=False)
    assert fit.history[-1].train.loss < 0.7 * fit.history[0].train.loss


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"groups": 0, "size": 4}, "groups=0"),
        ({"groups": 4, "size": -1}, "size=-1"),
        ({"groups": 4, "size": 4, "coordinates": 0}, "coordinates=0"),
        ({"groups": 4, "size": 4, "local": 7}, "local=7 must be even, half for each"),
        ({"groups": 4, "size": 4, "wide": 1.5}, "wide=1.5"),
        ({"groups": 4, "size": 4, "pool": "sum"}, "pool='sum' is unknown: use 'max' or 'mean'"),
    ],
)
def test_bad_numbers(how: dict[str, int], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        rv.blocks.spike_point(**how)
