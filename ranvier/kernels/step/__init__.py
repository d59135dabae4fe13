"""One step of a network as a list of nodes without torch: printed as C99, or run with NumPy."""

from ranvier.kernels.step._builder import Builder
from ranvier.kernels.step._c99 import c99
from ranvier.kernels.step._graph import (
    Add,
    Advance,
    Buffer,
    Convolution,
    Csr,
    DelayPop,
    DelayPush,
    Dense,
    Fill,
    Node,
    Pool,
    Product,
    Reading,
    StepGraph,
)
from ranvier.kernels.step._numpy import NumpyStep, numpy_source

__all__ = [
    "Add",
    "Advance",
    "Buffer",
    "Builder",
    "Convolution",
    "Csr",
    "DelayPop",
    "DelayPush",
    "Dense",
    "Fill",
    "Node",
    "NumpyStep",
    "Pool",
    "Product",
    "Reading",
    "StepGraph",
    "c99",
    "numpy_source",
]
