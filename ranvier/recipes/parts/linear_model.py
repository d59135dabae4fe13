"""The plainest baseline: logistic regression, prepared the way that validates best."""

from __future__ import annotations

from ranvier.recipes.parts.baseline import Baseline, Samples

__all__ = ["linear_model"]

_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


def linear_model(learn: Samples, valid: Samples, test: Samples) -> Baseline:
    """Multinomial logistic regression on (features [S, P], classes [S]), standardised or as they are; the best of four strengths C.

    Preparation and strength are chosen on ``valid``, from the smallest C upwards.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    tried: list[Baseline] = []
    for scaler in (StandardScaler(), StandardScaler(with_mean=False, with_std=False)):
        first, *others = (scaler.fit(learn[0]).transform(x) for x, _ in (learn, valid, test))
        for strength in _STRENGTHS:
            with threadpool_limits(1):
                model = LogisticRegression(C=strength, max_iter=1000).fit(first, learn[1])
            scores = (float(model.score(x, y)) for x, y in zip(others, (valid[1], test[1]), strict=True))
            tried.append(Baseline(strength, *scores))
    return max(tried, key=lambda b: b.valid)
