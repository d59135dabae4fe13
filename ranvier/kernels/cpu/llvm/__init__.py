"""Machine code: vectors of the processor, functions in LLVM's language, their compiler and its store of files."""

__all__: list[str] = []
