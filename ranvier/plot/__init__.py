"""Figures: each function draws one kind of picture into ``ax`` and returns it; time is in ms throughout.

Without ``ax`` a figure of its own is made with pyplot. Matplotlib is imported at the first call.
"""

from __future__ import annotations

from ranvier.plot._confusion_matrix import confusion_matrix
from ranvier.plot._learning_curve import learning_curve
from ranvier.plot._pareto import pareto
from ranvier.plot._raster import raster
from ranvier.plot._rates import rates
from ranvier.plot._traces import traces
from ranvier.plot._weights import weights

__all__ = ["confusion_matrix", "learning_curve", "pareto", "raster", "rates", "traces", "weights"]
