"""Which name in a file is which storage: only here does a name decide."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import Any

from ranvier.storages._bfloat16 import BFloat16
from ranvier.storages._float16 import Float16
from ranvier.storages._float32 import Float32
from ranvier.storages._int8 import Int8
from ranvier.storages._low_bits import LowBits
from ranvier.storages._storage import Storage, StorageError

__all__ = ["describe", "rebuild", "register", "withdraw"]

_OWN: tuple[type[Storage], ...] = (Float32, Float16, BFloat16, Int8, LowBits)
_known: dict[str, type[Storage]] = {kind.name: kind for kind in _OWN}


def register(kind: type[Storage]) -> None:
    """Make a storage of your own known, so that files may hold it.

    Raises
    ------
    StorageError
        It is no frozen dataclass below :class:`Storage` with a ``name`` and a ``code``, or the name is taken.

    >>> rv.storages.register(rv.storages.Int8)
    """
    frozen = is_dataclass(kind) and isinstance(kind, type) and kind.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
    if not frozen or not issubclass(kind, Storage) or not hasattr(kind, "name") or not hasattr(kind, "code"):
        raise StorageError(
            f"{kind!r} is no storage: derive a class from rv.storages.Storage, with a name and a code, and put "
            f"@dataclass(frozen=True) before it."
        )
    if _known.setdefault(kind.name, kind) is not kind:
        raise StorageError(f"a storage named {kind.name!r} is known already: give {kind.__name__} another name.")


def withdraw(name: str) -> None:
    """Forget a storage that was registered.

    Raises
    ------
    StorageError
        The name is not that of a registered storage.
    """
    if name not in _known or _known[name] in _OWN:
        added = ", ".join(repr(n) for n, kind in _known.items() if kind not in _OWN) or "none"
        raise StorageError(f"{name!r} is no registered storage; those are {added}.")
    del _known[name]


def describe(storage: Storage) -> dict[str, Any]:
    """Plain data from which :func:`rebuild` makes a storage again.

    Raises
    ------
    StorageError
        Its class is not registered.
    """
    if _known.get(storage.name) is not type(storage):
        kind = type(storage).__name__
        raise StorageError(f"the storage {kind} is not registered: call rv.storages.register({kind}) before saving.")
    options = asdict(storage)  # pyright: ignore[reportArgumentType]
    return {"kind": storage.name, **{name: option for name, option in options.items() if option is not None}}


def rebuild(data: dict[str, Any]) -> Storage:
    """The storage that :func:`describe` described.

    Raises
    ------
    StorageError
        The name or an option is unknown.
    """
    rest = dict(data)
    kind = _known.get(rest.pop("kind", ""))
    if kind is None:
        names = ", ".join(map(repr, _known))
        raise StorageError(
            f"the storage {data.get('kind')!r} is unknown: known are {names}; register yours with rv.storages.register."
        )
    options = {f.name for f in fields(kind)}  # pyright: ignore[reportArgumentType]
    odd = sorted(rest.keys() - options)
    if odd or any(not isinstance(v, str | int | float | bool) for v in rest.values()):
        raise StorageError(f"the storage {kind.name!r} has no options {rest}: it has {sorted(options)}.")
    return kind(**rest)
