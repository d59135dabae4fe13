"""Noise that is added and taken away, and networks as models of noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError, TrainingError
from ranvier.units import ms

DOUBLE = torch.float64


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [2, 10, 1000])
def test_what_is_kept_falls_to_almost_nothing(schedule: str, steps: int) -> None:
    a = rv.training.Diffusion(steps, schedule=schedule).kept
    assert a.shape == (steps,)
    assert a.dtype == DOUBLE
    assert bool((a[1:] < a[:-1]).all())
    assert 0 < a[-1] < 0.002
    assert steps < 100 or a[0] > 0.99


def test_schedules_are_those_of_the_papers() -> None:
    linear, cosine = (rv.training.Diffusion(1000, schedule=s).kept for s in ("linear", "cosine"))
    beta = torch.linspace(1e-4, 0.02, 1000, dtype=DOUBLE)
    torch.testing.assert_close(linear, (1 - beta).cumprod(0))
    wanted = [
        (math.cos((u + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
        for u in (0.1, 0.5, 0.9)
    ]
    assert cosine[[99, 499, 899]].tolist() == pytest.approx(wanted)


def test_noise_is_added_in_the_share_of_t() -> None:
    process, x, noise = rv.training.Diffusion(50), drawn(7, 3, 4), drawn(7, 3, 4, seed=1)
    t = torch.arange(7) * 8
    found = process.noised(x, t, noise)
    for k in range(7):
        a = float(process.kept[8 * k])
        torch.testing.assert_close(found[k], math.sqrt(a) * x[k] + math.sqrt(1 - a) * noise[k])
    assert process.noised(x.float(), t, noise.float()).dtype == torch.float32


@pytest.mark.parametrize("shape", [(1, 2, 4, 4), (7, 1, 5)])
def test_the_code_tells_every_step(shape: tuple[int, ...]) -> None:
    process, x = rv.training.Diffusion(100, codes=6), torch.zeros(100, *shape[1:])
    found = process.with_time(x, torch.arange(100))
    assert found.shape == (100, shape[1] + 6, *shape[2:])
    assert torch.equal(found[:, : shape[1]], x)
    code = found[:, shape[1] :].flatten(2)
    assert torch.equal(code, code[..., :1].expand_as(code))
    assert float(torch.pdist(code[..., 0]).min()) > 0.01


def test_ddpm_is_the_posterior_of_the_paper() -> None:
    """Without clipping, x_s = (x - beta/sqrt(1 - a)*e)/sqrt(1 - beta) + noise of the posterior variance."""
    process = rv.training.Diffusion(5, schedule="linear")
    start, weight = drawn(4, 3, seed=2), 0.3
    found = process.sample(lambda x, t: weight * x, (4, 3), eta=1.0, clip=None, start=start, seed=9)
    noise, x, a = torch.Generator().manual_seed(9), start, process.kept
    for t in (4, 3, 2, 1, 0):
        past = float(a[t - 1]) if t else 1.0
        beta = 1 - float(a[t]) / past
        x = (x - beta / math.sqrt(1 - float(a[t])) * weight * x) / math.sqrt(1 - beta)
        if t:
            spread = math.sqrt(beta * (1 - past) / (1 - float(a[t])))
            x = x + spread * torch.randn(x.shape, generator=noise, dtype=DOUBLE)
    torch.testing.assert_close(found, x)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_best_model_of_normal_numbers_gives_them_back(eta: float) -> None:
    """Data of mean 2 and variance 0.25: the expected noise is known, so samples must have both."""
    process = rv.training.Diffusion(200)
    a = process.kept

    def best(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        k = a[t].unsqueeze(1).to(x)
        return (1 - k).sqrt() * (x - 2 * k.sqrt()) / (0.25 * k + 1 - k)

    made = process.sample(best, (4000, 1), steps=100, eta=eta, clip=None, seed=1)
    assert float(made.mean()) == pytest.approx(2, abs=0.05)
    assert float(made.var()) == pytest.approx(0.25, abs=0.03)


def test_samples_follow_from_the_seed_alone() -> None:
    process, model = rv.training.Diffusion(20), lambda x, t: 0.1 * x
    torch.manual_seed(1)
    one = process.sample(model, (3, 2), steps=4, seed=5)
    torch.manual_seed(2)
    assert torch.equal(one, process.sample(model, (3, 2), steps=4, seed=5))
    assert not torch.equal(one, process.sample(model, (3, 2), steps=4, seed=6))
    assert float(one.abs().max()) <= 1
    start = torch.randn(3, 2)
    fixed = [process.sample(model, (3, 2), eta=0.0, start=start, seed=k) for k in (1, 2)]
    assert torch.equal(*fixed)


def test_batches_are_new_in_every_epoch_and_the_same_again() -> None:
    process, x = rv.training.Diffusion(20), torch.arange(10.0).reshape(10, 1, 1)
    epoch = process.batches(x, 4, times=3, seed=2)
    one, other, again = list(epoch(1)), list(epoch(2)), list(epoch(1))
    assert [len(noise) for _, noise in one] == [4, 4, 2]
    assert one[0][0].shape == (4, 3, 9, 1)
    assert all(torch.equal(a, b) for pair in zip(one, again, strict=True) for a, b in zip(*pair, strict=True))
    assert not torch.equal(one[0][1], other[0][1])
    given, noise = process.pairs(x, times=3, seed=2)
    assert torch.equal(given[:, 0], given[:, 2])
    assert noise.shape == x.shape


def network(seed: int = 0, dtype: torch.dtype = torch.float32, **how: Any) -> rv.Sequential:
    torch.manual_seed(seed)
    return rv.Sequential(*rv.blocks.unet(1 + 8, 1, (4, 6)), dt=1 * ms, dtype=dtype, **how)


def test_a_denoiser_is_the_mean_of_the_output() -> None:
    process, net = rv.training.Diffusion(20), network().eval()
    x, t = torch.randn(7, 1, 8, 8), torch.arange(7)
    given = process.with_time(x, t)
    wanted = net(given.expand(3, *given.shape))[0].mean(0)
    model = rv.training.Denoiser(net, process, times=3)
    torch.testing.assert_close(model(x, t), wanted)
    assert process.sample(model, (1, 1, 8, 8), steps=2).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("training", [True, False])
def test_sampling_neither_teaches_norms_nor_changes_the_mode(training: bool) -> None:
    process, net = rv.training.Diffusion(20), network()
    model = rv.training.Denoiser(net, process, times=2)
    wanted = process.sample(lambda x, t: model.eval()(x, t), (3, 1, 8, 8), steps=3)
    model.train(training)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert torch.equal(process.sample(model, (3, 1, 8, 8), steps=3), wanted)
    assert model.training == net.training == training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_network_learns_the_noise() -> None:
    process, net = rv.training.Diffusion(20), network()
    x = torch.ones(64, 1, 4, 4) * torch.tensor([-1.0, 1.0]).repeat(32).reshape(64, 1, 1, 1)
    fit = rv.train(
        net, process.batches(x, 16, times=2), epochs=12, loss=rv.losses.Regression(), lr=1e-2, progress=False
    )
    assert fit.history[-1].train.loss < 0.6 * fit.history[0].train.loss


def test_thresholds_are_scaled_in_a_copy(tmp_path: Path) -> None:
    torch.manual_seed(0)
    parts = (
        rv.Linear(6, 9),
        rv.LIF(9, V_th=rv.Learn(0.5)),
        rv.Linear(9, 4),
        rv.ALIF(4, V_th=0.2),
        rv.Linear(4, 2),
        rv.LeakyReadout(2),
    )
    net, x = rv.Sequential(*parts, dt=1 * ms), torch.rand(20, 3, 6)
    before = net(x)[0]
    made = rv.training.scaled_thresholds(net, 0.5)
    assert float(made.populations["lif1"].V_th) == 0.25
    assert float(made.populations["alif1"].V_th) == pytest.approx(0.1)
    assert torch.equal(net(x)[0], before)
    assert not torch.equal(made(x)[0], before)
    counts = [n.observe(x, record={"lif1": ["spikes"]})["lif1"]["spikes"].sum() for n in (net, made)]
    assert counts[1] > counts[0]
    rv.save(made, tmp_path / "model")
    torch.testing.assert_close(rv.load(tmp_path / "model")(x)[0], made(x)[0])
    same = rv.training.scaled_thresholds(net, 1.0)
    assert torch.equal(same(x)[0], before)


def test_populations_of_one_cell_are_scaled_once() -> None:
    cell, net = rv.LIF(V_th=rv.Learn(1.0)), rv.Network(dt=1 * ms)
    net.input("x", 3)
    for name in ("a", "b"):
        net.population(name, 3, cell)
        net.connect("x", name, rv.Linear(3, 3))
    assert float(rv.training.scaled_thresholds(net, 0.5).populations["b"].V_th) == 0.5


def test_the_distance_is_that_of_normal_distributions() -> None:
    from scipy.linalg import sqrtm

    a, b = drawn(300, 4), drawn(200, 4, seed=1) @ drawn(4, 4, seed=2) + 1
    first, second = (torch.cov(f.T).numpy() for f in (a, b))
    root = sqrtm(first @ second).real
    wanted = float(((a.mean(0) - b.mean(0)) ** 2).sum()) + (first + second - 2 * root).trace()
    assert rv.training.frechet_distance(a, b) == pytest.approx(wanted)
    assert rv.training.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert rv.training.frechet_distance(a[:, :1], a[:, :1] + 3) == pytest.approx(9)


Process, X = rv.training.Diffusion, torch.zeros(2, 1, 4, 4)
MISTAKES: list[tuple[Callable[[], object], type[RanvierError], str]] = [
    (lambda: Process(1), TrainingError, "steps=1 must be a whole number of 2"),
    (lambda: Process(10, schedule="sine"), TrainingError, "'sine' is unknown: use 'cosine', 'linear'"),
    (lambda: Process(10, codes=3), TrainingError, "codes=3 must be a positive even number"),
    (lambda: Process(10).noised(X, torch.tensor([0, 10]), X), TrainingError, "from 0 to 9, got 0 to 10"),
    (lambda: Process(10).noised(X, torch.tensor([0.0, 1.0]), X), ShapeError, "a whole number for each of 2"),
    (lambda: Process(10).noised(X, torch.tensor([0, 1]), X[:1]), ShapeError, "torch.randn_like"),
    (lambda: Process(10).pairs(X, times=0), TrainingError, "times=0"),
    (lambda: Process(10).pairs(X.long(), times=1), ShapeError, "floating-point numbers"),
    (lambda: Process(10).batches(X, 0, times=1), TrainingError, "batch_size=0"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), steps=11), TrainingError, "steps=11 must be a whole number from 1 to 10"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), eta=2), TrainingError, "eta=2"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), clip=0), TrainingError, "clip=0"),
    (lambda: Process(10).sample(lambda x, t: x[:1], (2,)), ShapeError, "it must give the noise"),
    (lambda: Process(10).sample(lambda x, t: x / 0, (2,)), TrainingError, "infinite numbers at t=9"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), start=X), ShapeError, "start is"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), clip="1"), TrainingError, "clip='1'"),  # type: ignore[arg-type]
    (lambda: Process(10).sample(lambda x, t: x, 2), ShapeError, "shape=2 must be positive sizes"),  # type: ignore[arg-type]
    (lambda: Process(10).sample(lambda x, t: x, (2, -1)), ShapeError, "must be positive sizes"),
    (lambda: Process(10).sample(lambda x, t: x, (2,), start=torch.ones(2).long()), ShapeError, "give noise of shape"),
    (lambda: Process(10).batches(X[:0], 2, times=1), ShapeError, "one sample at least"),
    (lambda: Process(10).pairs([1.0], times=1), ShapeError, "are a list; give a tensor"),  # type: ignore[arg-type]
    (lambda: rv.training.Denoiser(torch.nn.ReLU(), Process(10)), TrainingError, "takes a network, got ReLU"),  # type: ignore[arg-type]
    (lambda: rv.training.Denoiser(network(), 10), TrainingError, "process=10 must be"),  # type: ignore[arg-type]
    (lambda: rv.training.Denoiser(network(), Process(10), 0), TrainingError, "times=0"),
    (lambda: rv.training.scaled_thresholds(network(), 0.0), TrainingError, "factor=0.0 must be a number above 0"),
    (lambda: rv.training.scaled_thresholds(network(), 1.1, threshold="V"), TrainingError, "name that of your cells"),
    (lambda: rv.training.frechet_distance(X, X), ShapeError, "with the same features"),
    (lambda: rv.training.frechet_distance(drawn(3, 2), drawn(3, 4)), ShapeError, "at least two samples"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "kind", "words"), MISTAKES)
def test_mistakes_are_named(make: Callable[[], object], kind: type[RanvierError], words: str) -> None:
    with pytest.raises(kind, match=words.replace("(", r"\(")):
        make()
