"""Wiring drawn from counted random numbers."""

__all__: list[str] = []
