"""Plain baselines on the same samples: logistic regression, a support vector machine, nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranvier.recipes.parts.split import Split

__all__ = ["Baseline", "logistic_regression", "nearest_neighbours", "support_vectors"]

_STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Baseline:
    """Accuracies of the classifier of ``strength`` C, the inverse of regularisation chosen on the validation set."""

    strength: float
    valid: float
    test: float


def logistic_regression(pixels: np.ndarray, target: np.ndarray, parts: Split) -> Baseline:
    """Fit multinomial logistic regression to standardised ``pixels`` [S, P]; C is the best of nine on ``parts.valid``.

    Mean and scale of every pixel come from ``parts.train`` alone.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    tried = []
    for strength in _STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        model.fit(pixels[parts.train], target[parts.train])
        tried.append((float(model.score(pixels[parts.valid], target[parts.valid])), strength, model))
    valid, strength, model = max(tried, key=lambda t: t[0])
    return Baseline(strength, valid, float(model.score(pixels[parts.test], target[parts.test])))


def support_vectors(variants: np.ndarray, labels: np.ndarray, pixels: np.ndarray, target: np.ndarray) -> float:
    """Accuracy on ``pixels`` [S, P] of a machine with radial basis functions that learnt from ``variants`` [V, P].

    C = 10 and a width of the variance of the pixels, fixed beforehand.
    """
    from sklearn.svm import SVC

    return float(SVC(C=10, gamma="scale", cache_size=500).fit(variants, labels).score(pixels, target))


def nearest_neighbours(variants: np.ndarray, labels: np.ndarray, pixels: np.ndarray, target: np.ndarray) -> float:
    """Accuracy on ``pixels`` [S, P] by the vote of the three nearest of ``variants`` [V, P]; three was fixed beforehand."""
    from sklearn.neighbors import KNeighborsClassifier

    near = KNeighborsClassifier(3).fit(variants.astype(np.float32), labels)
    return float(near.score(pixels.astype(np.float32), target))
