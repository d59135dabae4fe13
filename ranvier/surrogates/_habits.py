"""Names of surrogates in other libraries, and the same derivatives here."""

from __future__ import annotations

__all__ = ["INSTEAD"]

INSTEAD = {
    **dict.fromkeys(("atan", "ATan", "arctan"), "write ArcTan(alpha=2.0)"),
    **dict.fromkeys(("fast_sigmoid", "SuperSpike", "superspike", "SFS"), "write FastSigmoid(alpha=25), whose alpha is the slope"),
    **dict.fromkeys(("sigmoid", "LogisticSurrogate"), "write Sigmoid(alpha=25), whose alpha is the slope"),
    **dict.fromkeys(("straight_through_estimator", "STE"), "write StraightThrough()"),
    **dict.fromkeys(("triangular", "triangle", "PiecewiseQuadratic", "PiecewiseLinear"), "write Triangle(), or an expression: Surrogate('…')"),
    **dict.fromkeys(("heaviside", "custom_surrogate", "spike_rate_escape"), "write Surrogate('…'), an expression such as 'int(u > 0)'"),
    **dict.fromkeys(("rect", "rectangular", "Rectangle"), "write Boxcar()"),
    "gaussian": "write Gaussian(sigma=0.5)",
}  # fmt: skip
