"""Plain baselines on features [S, P] and classes [S]: support vectors, nearest neighbours.

What they learn from, choose by and are tested on comes as three pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Baseline", "nearest_neighbours", "support_vectors"]

#: features [S, P] and classes [S]
Samples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """Accuracies of the classifier whose ``strength`` (C, the inverse of regularisation, or a number of neighbours) was chosen on the validation set."""

    strength: float
    valid: float
    test: float


def support_vectors(learn: Samples, valid: Samples, test: Samples, seed: int, few: int = 8000) -> Baseline:
    """A machine with radial basis functions.

    Of nine, C (3, 10, 30) and width (half, one or two variances of the features) are the best on ``valid`` after learning from
    ``few`` samples, drawn by ``seed``; then it learns from all.
    """
    from sklearn.svm import SVC

    (x, y), scale = learn, 1 / (learn[0].shape[1] * float(learn[0].var()))
    part = np.random.default_rng(seed).permutation(len(y))[:few]
    tried = []
    for strength in (3.0, 10.0, 30.0):
        for width in (0.5, 1.0, 2.0):
            model = SVC(C=strength, gamma=scale / width, cache_size=500)
            tried.append((float(model.fit(x[part], y[part]).score(*valid)), model))
    _, model = max(tried, key=lambda t: t[0])
    if len(part) < len(y):
        model.fit(x, y)
    return Baseline(float(model.C), float(model.score(*valid)), float(model.score(*test)))


def nearest_neighbours(learn: Samples, valid: Samples, test: Samples) -> Baseline:
    """The vote of the nearest samples: of 1, 3 or 5, ``strength`` of them, the best on ``valid``."""
    from sklearn.neighbors import KNeighborsClassifier

    (x, y), asked, told = ((x.astype(np.float32), y) for x, y in (learn, valid, test))
    tried = []
    for count in (1, 3, 5):
        near = KNeighborsClassifier(count).fit(x, y)
        tried.append(Baseline(float(count), float(near.score(*asked)), float(near.score(*told))))
    return max(tried, key=lambda b: b.valid)
