"""A network on its own: runs of a duration, with their checkpoints and results."""

__all__: list[str] = []
