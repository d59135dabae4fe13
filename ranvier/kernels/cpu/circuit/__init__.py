"""A whole circuit as one compiled loop over all its steps."""

__all__: list[str] = []
