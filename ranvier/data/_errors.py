"""What can be wrong with a data set."""

from __future__ import annotations

from ranvier.errors import RanvierError

__all__ = ["DataError"]


class DataError(RanvierError, LookupError):
    """A data set is unknown, not on this machine, or not what it was; the message says where it was looked for."""
