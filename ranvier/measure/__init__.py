"""What a network costs, what it is worth, and why it decides as it does."""

from ranvier.measure._operations import operations
from ranvier.measure._relevance import Relevance, relevance
from ranvier.measure._report import Operations, Row, Uncounted

__all__ = ["Operations", "Relevance", "Row", "Uncounted", "operations", "relevance"]
