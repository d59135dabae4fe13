"""Spike-driven products: the events of a tensor, the rows they name, and exact gradients."""

__all__: list[str] = []
