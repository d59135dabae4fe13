"""Arrays of an HDF5 file that lie in the file itself."""

from __future__ import annotations

from typing import Any

from ranvier.errors import FileFormatError

__all__ = ["own_dataset"]


def own_dataset(archive: Any, name: str) -> Any:
    """The dataset ``name`` of an open ``h5py.File``.

    Raises
    ------
    FileFormatError
        Where there is none, or where it, or a group above it, points into another file.
    """
    import h5py

    inner = archive
    for part in name.split("/"):
        link = inner.get(part, getlink=True) if isinstance(inner, h5py.Group) else None
        if link is None:
            raise FileFormatError(f"it holds no dataset {name!r}")
        if not isinstance(link, h5py.HardLink):
            raise FileFormatError(f"{name!r} is a link, which may point into another file")
        inner = inner[part]
    if not isinstance(inner, h5py.Dataset):
        raise FileFormatError(f"{name!r} is not a dataset")
    if inner.external or inner.is_virtual:
        raise FileFormatError(f"the numbers of {name!r} lie in another file")
    return inner
