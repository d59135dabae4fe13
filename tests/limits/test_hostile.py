"""Every public function that takes a path, given every kind of hostile file: nothing runs, and only errors of the family come."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier import data
from ranvier.errors import RanvierError

ENDINGS = (
    ".npz", ".npy", ".csv", ".csv.gz", ".tsv", ".txt", ".edgelist", ".mtx", ".graphml", ".gml", ".gexf", ".dat", ".raw", ".es", ".bin", ".mat",
    ".aedat4", ".aedat", ".nwb", ".h5", ".pkl", ".pt", ".joblib", ".yaml", ".json", ".safetensors", ".wav", ".gz", "",
)  # fmt: skip
#: functions of a file; those that neo is needed for say so where it is not installed
OF_FILES: dict[str, Callable[[Path], object]] = {
    "connectome": rv.connectome,
    "connectome's nodes": lambda path: rv.connectome(_edges(path), path),
    "read_events": data.read_events,
    "read_idx": data.read_idx,
    "from_neo": rv.SpikeTrains.from_neo,
    "from_nwb": rv.SpikeTrains.from_nwb,
    "from_pynapple": rv.SpikeTrains.from_pynapple,
    "load_state": rv.load_state,
}
OF_FOLDERS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "load": (rv.load, ("network.json", "weights-0123456789abcdef.safetensors")),
    "load_records": (rv.load_records, (".zattrs", "n/v/.zarray", "n/v/0.0")),
    "braille_touch": (lambda p: data.load("braille_touch", folder=p, verify=False), ("braille_touch/braille.npz",)),
    "nmnist_small": (lambda p: data.load("nmnist_small", folder=p, verify=False), ("nmnist_small/train.npz", "nmnist_small/test.npz")),
    "fsdd": (lambda p: data.load("fsdd", folder=p, verify=False), ("fsdd/fsdd.npz",)),
    "fsdd's clips": (lambda p: data.load("fsdd", folder=p).train[0], tuple(f"fsdd/recordings/{k}_{who}_0.wav" for k in range(2) for who in "abc")),
    "speech_commands": (lambda p: data.load("speech_commands", folder=p, verify=False), ("speech_commands/clips.zip",)),
    "japanese_vowels": (
        lambda p: data.load("japanese_vowels", folder=p),
        ("japanese_vowels/JapaneseVowels_TRAIN.ts", "japanese_vowels/JapaneseVowels_TEST.ts"),
    ),
    "mnist_t10k": (
        lambda p: data.load("mnist_t10k", folder=p, verify=False),
        ("mnist_t10k/t10k-images-idx3-ubyte.gz", "mnist_t10k/t10k-labels-idx1-ubyte.gz"),
    ),
    "shd": (lambda p: data.load("shd", folder=p), ("SHD/shd_train.h5", "SHD/shd_test.h5")),
    "dvs_gesture": (
        lambda p: data.load("dvs_gesture", folder=p).test[0],
        tuple(f"DVSGesture/ibmGesture{part}/user{u}_led/0.npy" for part in ("Train", "Test") for u in range(3)),
    ),
    "nmnist": (
        lambda p: data.load("nmnist", folder=p).test[0],
        tuple(f"NMNIST/{part}/{digit}/{k}.bin" for part in ("Train", "Test") for digit in range(2) for k in range(10)),
    ),
}  # fmt: skip


def _edges(path: Path) -> Path:
    edges = path.with_name("edges.csv") if isinstance(path, Path) else Path("/dev/null")
    if isinstance(path, Path):
        edges.write_text("a,b\n")
    return edges


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def _contents(marker: Path) -> dict[str, bytes]:
    """Hostile content by kind."""
    evil, code = Evil(marker), f"__import__('os').mkdir({str(marker)!r})"

    def made(write: Callable[[io.BytesIO], object]) -> bytes:
        out = io.BytesIO()
        write(out)
        return out.getvalue()

    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.npy", bytes(1 << 20))
    objects = np.array([evil], object)
    return {
        "pickle": pickle.dumps(evil),
        "old pickle": pickle.dumps(evil, 0),
        "packed pickle": gzip.compress(pickle.dumps(evil)),
        "torch": made(lambda out: torch.save({"x": evil}, out)),
        "npz of objects": made(
            lambda out: np.savez(out, t=objects, x=objects, data=objects, format=objects, shape=objects)
        ),
        "npy of objects": made(lambda out: np.save(out, objects, allow_pickle=True)),
        "zip bomb": bomb.getvalue(),
        "gzip bomb": gzip.compress(bytes(1 << 20)) * 80,
        "yaml": f"!!python/object/apply:os.mkdir [{str(marker)!r}]\n".encode(),
        "python": f"import os\nos.mkdir({str(marker)!r})\n".encode(),
        "expression": f"{code},{code}\n{code},{code}\n".encode(),
        "header of npy": b"\x93NUMPY\x01\x00"
        + (76).to_bytes(2, "little")
        + f"{{'descr': {code}}}".encode().ljust(75)
        + b"\n",
        "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///dev/zero">]><graphml>&b;</graphml>',
        "deep": b"[" * 200_000,
        "digits": b"9" * 6000,
        "zeros": bytes(300),
        "not UTF-8": bytes(range(128, 256)) * 3,
        "nothing": b"",
    }


KINDS = tuple(_contents(Path("x")))


def _refused(read: Callable[[Path], object], path: Path, marker: Path) -> None:
    with suppress(RanvierError):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("name", OF_FILES)
def test_a_hostile_file_runs_nothing(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    for kind, payload in _contents(marker).items():
        for ending in ENDINGS:
            path = tmp_path / f"file{ending}"
            path.write_bytes(payload)
            try:
                _refused(OF_FILES[name], path, marker)
            except Exception as error:
                raise AssertionError(f"{name}, {kind} as {ending}: {error!r}") from error


@pytest.mark.parametrize("name", OF_FOLDERS)
def test_a_hostile_folder_runs_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANVIER_OFFLINE", "1")
    marker = tmp_path / "marker"
    read, files = OF_FOLDERS[name]
    for kind, payload in _contents(marker).items():
        folder = tmp_path / kind
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(payload)
        try:
            _refused(read, folder, marker)
        except Exception as error:
            raise AssertionError(f"{name}, {kind}: {error!r}") from error


@pytest.mark.parametrize("name", [*OF_FILES, "load", "load_records"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    read = OF_FILES.get(name) or OF_FOLDERS[name][0]
    for ending in ENDINGS:
        path = tmp_path / f"pipe{ending}"
        os.mkfifo(path)
        (tmp_path / f"link{ending}").symlink_to("/dev/zero")
        (tmp_path / f"loop{ending}").symlink_to(tmp_path / f"loop{ending}")
        (tmp_path / f"folder{ending}").mkdir()
        for start in ("pipe", "link", "loop", "folder", "missing"):
            with pytest.raises(RanvierError):
                read(tmp_path / f"{start}{ending}")
    for given in (3, None, "a\0b", "x" * 5000, "/dev/zero"):
        with pytest.raises(RanvierError):
            read(given)  # type: ignore[arg-type]
