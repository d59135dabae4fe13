"""Values: numbers, arrays, distributions and learnable values, one form everywhere."""

from ranvier.values._distribution import Distribution, Exponentially, LogNormal, Normal, Uniform
from ranvier.values._learn import Learn
from ranvier.values._philox import key_of, philox, uniforms

__all__ = ["Distribution", "Exponentially", "Learn", "LogNormal", "Normal", "Uniform", "key_of", "philox", "uniforms"]
