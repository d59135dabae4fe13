"""A whole circuit as one compiled function over all its steps."""

__all__: list[str] = []
