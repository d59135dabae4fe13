"""Populations joined by projections as one differentiable operation, step by step inside."""

__all__: list[str] = []
