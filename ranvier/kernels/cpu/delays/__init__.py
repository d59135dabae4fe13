"""Spike-driven products in which every synapse has a latency of its own."""

__all__: list[str] = []
