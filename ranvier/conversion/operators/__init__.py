"""Products, softmax and SiLU of values that spike counts represent, each with a bound on its error."""

from ranvier.conversion.operators._matmul import matmul
from ranvier.conversion.operators._operator import SpikingOperator
from ranvier.conversion.operators._silu import silu
from ranvier.conversion.operators._softmax import softmax

__all__ = ["SpikingOperator", "matmul", "silu", "softmax"]
