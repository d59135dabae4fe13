"""Values: numbers, arrays, distributions and learnable values, one form everywhere."""

from ranvier.values._clipped import Clipped
from ranvier.values._counts import CountLaw, counts
from ranvier.values._distribution import Distribution, ExponentialDistribution, LogNormal, Normal, Uniform
from ranvier.values._flag import FlagError, flag
from ranvier.values._gaussian import gaussian_fraction, gaussian_quantile
from ranvier.values._learn import Learn
from ranvier.values._philox import key_of, philox, uniforms
from ranvier.values._scale import scale_of
from ranvier.values._whole import is_number, is_positive, is_whole
from ranvier.values.normal import normal_numbers

__all__ = [
    "Clipped",
    "CountLaw",
    "Distribution",
    "ExponentialDistribution",
    "FlagError",
    "Learn",
    "LogNormal",
    "Normal",
    "Uniform",
    "counts",
    "flag",
    "gaussian_fraction",
    "gaussian_quantile",
    "is_number",
    "is_positive",
    "is_whole",
    "key_of",
    "normal_numbers",
    "philox",
    "scale_of",
    "uniforms",
]
