"""Weights of other libraries' networks, put into ours."""

from __future__ import annotations

from ranvier.compat.loading._load import load_state_dict
from ranvier.compat.loading._table import LoadTable, Row

__all__ = ["LoadTable", "Row", "load_state_dict"]
