"""The plain baseline of spike tasks: logistic regression, prepared the way that validates best."""

from __future__ import annotations

import numpy as np

from ranvier.recipes.parts.baseline import Baseline
from ranvier.recipes.parts.split import Split

__all__ = ["linear_model"]

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)


def linear_model(features: np.ndarray, target: np.ndarray, parts: Split) -> Baseline:
    """Multinomial logistic regression on ``features`` [S, P], standardised or as they are; the best of seven strengths C.

    Preparation and strength are chosen on ``parts.valid``, from the smallest C upwards.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    tried: list[Baseline] = []
    for scaler in (StandardScaler(), StandardScaler(with_mean=False, with_std=False)):
        train, valid, test = (
            scaler.fit(features[parts.train]).transform(features[p]) for p in (parts.train, parts.valid, parts.test)
        )
        for strength in _STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=1000).fit(train, target[parts.train])
            scores = (float(model.score(x, target[p])) for x, p in ((valid, parts.valid), (test, parts.test)))
            tried.append(Baseline(strength, *scores))
    return max(tried, key=lambda b: b.valid)
