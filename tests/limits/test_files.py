"""Files that are none, that explode, or that promise what they do not hold."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ranvier.errors import FileFormatError, MemoryLimitError
from ranvier.limits import content, free_bytes, need, plain_file, read_npy, read_npz, spell


@pytest.mark.parametrize("given", [3, None, b"x", ["x"], "a\0b", "x" * 5000, "/dev/zero", "/", "nothing/there"])
def test_what_is_no_file_is_refused(given: object) -> None:
    with pytest.raises(FileFormatError, match="give the name of a recording"):
        plain_file(given, "recording")


def test_links_are_followed_and_pipes_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe.gz")
    assert content(plain_file(tmp_path / "link")) == b"12345"
    for name in ("pipe.gz", "loop"):
        with pytest.raises(FileFormatError):
            content(tmp_path / name)
    with pytest.raises(FileFormatError, match="has 5 bytes, more than the 4"):
        plain_file(tmp_path / "file", most=4)


def test_a_packed_file_may_grow_a_little_and_not_a_thousandfold(tmp_path: Path) -> None:
    (tmp_path / "small.gz").write_bytes(gzip.compress(bytes(1 << 20)))
    assert content(tmp_path / "small.gz") == bytes(1 << 20)
    bomb = gzip.compress(bytes(1 << 20)) * 100
    (tmp_path / "bomb.gz").write_bytes(bomb)
    with pytest.raises(FileFormatError, match=r"unpacks to more than .* over 200 times as much"):
        content(tmp_path / "bomb.gz")
    (tmp_path / "cut.gz").write_bytes(bomb[:500])
    with pytest.raises(FileFormatError, match="cannot be read"):
        content(tmp_path / "cut.gz")


def test_growth_is_held_against_free_memory(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(1000))
    with pytest.raises(MemoryLimitError, match=r"needs 1e\+15 GB of memory, but .* is free"):
        content(tmp_path / "x", growth=1e21)
    free = free_bytes()
    assert free is not None
    need(free // 2, "half", "")
    with pytest.raises(MemoryLimitError, match="twice"):
        need(2 * free, "twice", "take half")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (2e9, "2 GB"), (5e12, "5,000 GB"), (1e30, "1e+21 GB")],
)
def test_bytes_are_spelled(count: float, text: str) -> None:
    assert spell(count) == text


def test_a_limit_on_the_process_counts_as_memory(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + (200 << 20), hard))
    try:
        assert (free_bytes() or 0) <= 200 << 20
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class TestNpz:
    def test_arrays_come_back(self, tmp_path: Path) -> None:
        given = {
            "a": np.arange(6).reshape(2, 3),
            "b": np.asfortranarray(np.ones((3, 2), np.float32)),
            "c": np.array(["x", "yz"]),
        }
        given["d"] = np.zeros((0, 4))
        for save in (np.savez, np.savez_compressed):
            save(tmp_path / "x.npz", **given)
            found = read_npz(tmp_path / "x.npz", ["a", "b"], optional=["c", "d", "e"])
            assert set(found) == {"a", "b", "c", "d"}
            for name, values in found.items():
                np.testing.assert_array_equal(values, given[name])
                assert values.dtype == given[name].dtype
        np.save(tmp_path / "y.npy", given["b"])
        np.testing.assert_array_equal(read_npy(tmp_path / "y.npy"), given["b"])

    def test_objects_stay_pickled(self, tmp_path: Path) -> None:
        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "marker"),)

        np.savez(tmp_path / "x.npz", a=np.array([Evil()], object), b=np.arange(3))
        (tmp_path / "raw.npz").write_bytes(pickle.dumps(Evil()))
        np.save(tmp_path / "y.npy", np.array([Evil()], object), allow_pickle=True)
        with pytest.raises(FileFormatError, match="Python objects"):
            read_npz(tmp_path / "x.npz", ["a"])
        with pytest.raises(FileFormatError, match="Python objects"):
            read_npy(tmp_path / "y.npy")
        with pytest.raises(FileFormatError, match="not a zip file"):
            read_npz(tmp_path / "raw.npz", ["a"])
        assert read_npz(tmp_path / "x.npz", ["b"])["b"].tolist() == [0, 1, 2]
        assert not (tmp_path / "marker").exists()

    def test_promised_sizes_are_compared_before_memory_is_taken(self, tmp_path: Path) -> None:
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.writestr("a.npy", file.getvalue())
        with pytest.raises(FileFormatError, match=r"promises float64 of shape \(1000000000000000,\) and holds 0 bytes"):
            read_npz(tmp_path / "x.npz", ["a"])
        (tmp_path / "x.npy").write_bytes(file.getvalue())
        with pytest.raises(FileFormatError, match="holds 0 bytes"):
            read_npy(tmp_path / "x.npy")
