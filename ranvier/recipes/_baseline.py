"""The plain baseline: logistic regression on the pixels, on the same samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ranvier.recipes._split import Split

__all__ = ["Baseline", "logistic_regression"]

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
    tried = []
    for strength in _STRENGTHS:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        model.fit(pixels[parts.train], target[parts.train])
        tried.append((float(model.score(pixels[parts.valid], target[parts.valid])), strength, model))
    valid, strength, model = max(tried, key=lambda t: t[0])
    return Baseline(strength, valid, float(model.score(pixels[parts.test], target[parts.test])))
