"""Variants are images of the same size and ink, near the original, the same for the same seed."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.recipes.parts.digits import load
from ranvier.recipes.parts.distort import Distorted, distort

PIXELS = load().pixels[:50]


def test_variants_are_images_near_the_original() -> None:
    made = distort(PIXELS, 4, seed=1)
    assert made.shape == (4, 50, 64)
    assert made.min() >= 0
    assert made.max() <= 16
    assert np.array_equal(made, np.rint(made))
    near = np.corrcoef(made[0].ravel(), PIXELS.ravel())[0, 1]
    far = np.corrcoef(made[0].ravel(), np.roll(PIXELS, 1, axis=0).ravel())[0, 1]
    assert near > 0.8 > far
    assert not np.array_equal(made[0], made[1])


def test_the_seed_decides() -> None:
    assert np.array_equal(distort(PIXELS, 2, seed=5), distort(PIXELS, 2, seed=5))
    assert not np.array_equal(distort(PIXELS, 2, seed=5), distort(PIXELS, 2, seed=6))


def test_a_sample_is_one_of_its_own_variants() -> None:
    x, y = torch.arange(6.0).reshape(2, 3, 1, 1), torch.tensor([7, 8, 9])
    data = Distorted(x, y)
    assert len(data) == 3
    drawn = {(float(data[k][0]), int(data[k][1])) for k in range(3) for _ in range(40)}
    assert drawn == {(0, 7), (1, 8), (2, 9), (3, 7), (4, 8), (5, 9)}
