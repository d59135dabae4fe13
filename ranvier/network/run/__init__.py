"""Windows of steps: every part of a network, by the kernel that its plan names."""

__all__: list[str] = []
