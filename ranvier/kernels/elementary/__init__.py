"""Elementary functions, written once for all targets: vectors of a processor, C and NumPy."""

from ranvier.kernels.elementary._bits import FORMATS
from ranvier.kernels.elementary._circular import TWO_OVER_PI
from ranvier.kernels.elementary._elementary import Elementary
from ranvier.kernels.elementary._words import Value, Words

__all__ = ["FORMATS", "TWO_OVER_PI", "Elementary", "Value", "Words"]
