"""Augmentation where a network looks: what is kept, where it goes, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import TensorDataset

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError


def marked(*boxes: tuple[int, int, int, int], size: int = 8) -> torch.Tensor:
    maps = torch.zeros(len(boxes), 1, size, size)
    for k, (top, left, high, wide) in enumerate(boxes):
        maps[k, :, top : top + high, left : left + wide] = 1
    return maps


def numbered(count: int, size: int = 8) -> TensorDataset:
    x = torch.arange(1.0, count + 1).reshape(-1, 1, 1, 1, 1).expand(count, 3, 1, size, size)
    return TensorDataset(x, torch.arange(count))


def test_a_drop_takes_relevant_events_alone() -> None:
    torch.manual_seed(0)
    maps = marked((0, 0, 4, 8), (0, 0, 8, 8))
    drop = rv.data.GuidedDrop(numbered(2), maps, share=1, low=1, high=1)
    x, y = drop[0]
    assert not x[:, :, :4].any()
    assert bool((x[:, :, 4:] == 1).all())
    assert int(y) == 0
    assert not drop[1][0].any()


def test_the_strength_of_a_drop_is_its_probability() -> None:
    torch.manual_seed(1)
    samples = TensorDataset(torch.ones(1, 100, 1, 20, 20), torch.zeros(1))
    lost = 1 - rv.data.GuidedDrop(samples, torch.full((1, 1, 20, 20), 0.5), share=1, low=0.6, high=0.6)[0][0].mean()
    assert abs(float(lost) - 0.3) < 0.01
    never = rv.data.GuidedDrop(samples, torch.ones(1, 1, 20, 20), share=0)
    assert bool((never[0][0] == 1).all())


def test_a_mix_holds_both_boxes_apart() -> None:
    torch.manual_seed(2)
    mix = rv.data.GuidedMix(numbered(2), marked((0, 0, 4, 4), (2, 2, 2, 4)), classes=3, share=1)
    seen = set()
    for _ in range(20):
        x, y = mix[0]
        assert bool((x[:, 0, :4, :4] == 1).all())
        torch.testing.assert_close(y.sum(), torch.tensor(1.0))
        if y[1]:  # another sample: a box of 8 places that covers nothing of the first
            assert int((x[0, 0] == 2).sum()) == 8
            torch.testing.assert_close(y, torch.tensor([16 / 24, 8 / 24, 0.0]))
            rows, columns = (x[0, 0] == 2).nonzero().T
            assert (int(rows.max() - rows.min()), int(columns.max() - columns.min())) == (1, 3)
            seen.add((int(rows.min()), int(columns.min())))
    assert len(seen) > 1


def test_a_mix_of_full_boxes_and_a_flat_map() -> None:
    torch.manual_seed(3)
    mix = rv.data.GuidedMix(numbered(2), torch.zeros(2, 1, 8, 8), classes=2, share=1)
    x, y = mix[0]
    assert x.shape == (3, 1, 8, 8)
    assert float(y.sum()) == 1


def test_guided_samples_train_a_network() -> None:
    torch.manual_seed(4)
    x, y = (torch.rand(12, 5, 1, 4, 4) < 0.4).float(), torch.arange(12) % 2
    net = rv.Sequential(torch.nn.Flatten(), rv.Linear(16, 2), rv.LeakyReadout(2), dt=1 * rv.units.ms, seed=4)
    maps = rv.measure.relevance(net, x.transpose(0, 1)).saliency()
    mix = rv.data.GuidedMix(TensorDataset(x, y), maps, classes=2)
    loss = lambda out, y: torch.nn.functional.cross_entropy(out.mean(0), y)  # noqa: E731
    fit = rv.train(net, mix, epochs=1, loss=loss, seed=4, progress=False)
    assert len(fit.history) == 1


S, M = numbered(2), marked((0, 0, 2, 2), (1, 1, 2, 2))
WRONG = {
    "maps for other samples": (lambda: rv.data.GuidedDrop(S, M[:1]), ShapeError, "2 samples and 1 maps"),
    "an array": (lambda: rv.data.GuidedDrop(S, M.numpy()), ShapeError, "ndarray"),
    "relevance above 1": (lambda: rv.data.GuidedDrop(S, 2 * M), RanvierError, "from 0 to 2"),
    "relevance below 0": (lambda: rv.data.GuidedMix(S, -M, classes=2), RanvierError, "from -1 to"),
    "share above 1": (lambda: rv.data.GuidedDrop(S, M, share=1.5), RanvierError, "share=1.5"),
    "low above high": (lambda: rv.data.GuidedDrop(S, M, low=0.9, high=0.1), RanvierError, "exchange"),
    "one class": (lambda: rv.data.GuidedMix(S, M, classes=1), RanvierError, "classes=1"),
    "classes as tensor": (lambda: rv.data.GuidedMix(S, M, classes=torch.arange(2)), RanvierError, "number of classes"),
    "negative spread": (lambda: rv.data.GuidedMix(S, M, classes=2, spread=-1), RanvierError, "spread=-1"),
    "no height": (lambda: rv.data.GuidedMix(S, M.flatten(1), classes=2), ShapeError, "H, W"),
    "another size": (lambda: rv.data.GuidedDrop(numbered(2, 6), M, share=1)[0], ShapeError, r"\(3, 1, 6, 6\)"),
    "class beyond": (lambda: rv.data.GuidedMix(numbered(3), marked(*[(0, 0, 2, 2)] * 3), classes=2)[2], RanvierError, "class 2"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_is_named(mistake: str) -> None:
    call, kind, said = WRONG[mistake]
    with pytest.raises(kind, match=said):
        call()
