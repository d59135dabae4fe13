"""A library that is installed and cannot be loaded."""

raise RuntimeError("this library is broken")
