"""How samples of denoisers are judged, and the ordinary denoiser that is converted."""

from __future__ import annotations

import torch

import ranvier as rv
from ranvier.recipes.parts.generated import PROCESS, DenoiserSettings, denoiser, digits, quality, real_digits, rectifier
from ranvier.recipes.parts.ordinary_unet import OrdinaryUNet, fitted_to_noise


def test_digits_score_well_and_copies_are_found() -> None:
    learnt, _, test = digits(3)
    real, copies = real_digits(3), quality(learnt[:200], 3, test)
    noise = quality(torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1, 3, test)
    assert real["classifier score"] > 8
    assert 0.9 < real["nearest"] < 1.1
    assert copies["nearest"] < 1e-3
    assert noise["Fréchet distance"] > 10 * real["Fréchet distance"]
    assert noise["nearest"] > 1.5


def test_parts_of_a_split_share_no_image() -> None:
    parts = [set(map(tuple, part.flatten(1).tolist())) for part in digits(3)]
    assert [len(part) for part in digits(3)] == [1078, 359, 360]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_the_ordinary_denoiser_learns_and_is_converted() -> None:
    torch.manual_seed(0)
    net = OrdinaryUNet(1 + PROCESS.codes, 4, 6)
    x = digits(3)[0][:96]
    given, noise = (part[:, 0] if part.ndim == 5 else part for part in PROCESS.pairs(x, times=1))
    before = float((net.eval()(given) - noise).square().mean())
    fitted_to_noise(net, PROCESS, x, 6, 0)
    with torch.no_grad():
        exact = net(given)
        assert float((exact - noise).square().mean()) < before
        made = rv.convert(net, given)
        few, many = ((made(given, steps=n) - exact).square().mean() for n in (2, 64))
    assert many < few / 4


def test_a_denoiser_of_rectified_units_is_an_ordinary_network() -> None:
    s = DenoiserSettings(epochs=1, made=3, steps=2)
    model = denoiser(3, s, 1, cell=rectifier)
    assert not any(p.cell.fires for p in model.net.populations.values())
    assert PROCESS.sample(model, (3, 1, 8, 8), steps=2).shape == (3, 1, 8, 8)
