"""A population over time as one kernel, forward and backward."""

__all__: list[str] = []
