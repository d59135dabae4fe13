"""What a network costs: operations on samples, counted element by element."""

from ranvier.measure._operations import operations
from ranvier.measure._report import Operations, Row, Uncounted

__all__ = ["Operations", "Row", "Uncounted", "operations"]
