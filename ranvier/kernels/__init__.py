"""Programs become code: the reference provider in torch, the cpu provider through LLVM."""

__all__: list[str] = []
