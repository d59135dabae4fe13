"""Values: numbers, arrays, distributions and learnable values, one form everywhere."""

from ranvier.values._clipped import Clipped
from ranvier.values._distribution import Distribution, ExponentialDistribution, LogNormal, Normal, Uniform
from ranvier.values._flag import FlagError, flag
from ranvier.values._gaussian import gaussian_fraction, gaussian_quantile
from ranvier.values._learn import Learn
from ranvier.values._philox import key_of, philox, uniforms
from ranvier.values._poisson import PoissonLaw, poisson_counts, poisson_counts_each
from ranvier.values._scale import scale_of

__all__ = [
    "Clipped",
    "Distribution",
    "ExponentialDistribution",
    "FlagError",
    "Learn",
    "LogNormal",
    "Normal",
    "PoissonLaw",
    "Uniform",
    "flag",
    "gaussian_fraction",
    "gaussian_quantile",
    "key_of",
    "philox",
    "poisson_counts",
    "poisson_counts_each",
    "scale_of",
    "uniforms",
]
