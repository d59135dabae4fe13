"""Compiling and keeping kernels: counted compilations, damaged files, hostile folders, two processes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ranvier.errors import RanvierWarning
from ranvier.kernels.cpu.llvm import jit
from ranvier.kernels.cpu.llvm.jit import Kernel, Kernels, kernel_key
from ranvier.kernels.cpu.llvm.store import Store, cache_folder, cache_size, clear_cache

ROOT = Path(__file__).resolve().parents[3]
TEXT = """
define void @put(i8** %p, i64* %n, double* %x) {
  %out = load i8*, i8** %p
  %whole = load i64, i64* %n
  %part = load double, double* %x
  %float = sitofp i64 %whole to double
  %sum = fadd double %float, %part
  %place = bitcast i8* %out to double*
  store double %sum, double* %place
  ret void
}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    return tmp_path / "kernels"


@pytest.fixture
def files(folder: Path) -> Store:
    """Files of an empty folder, of which nothing was said yet."""
    return Store()


@pytest.fixture
def kernels(files: Store) -> Kernels:
    """Those of a process that has compiled nothing."""
    return Kernels(files)


def works(kernel: Kernel) -> bool:
    out = np.zeros(1)
    kernel([out.ctypes.data], [2], [0.5])
    return out[0] == 2.5


class TestKernel:
    def test_call_and_address(self, kernels: Kernels) -> None:
        kernel = kernels.compile("put", TEXT)
        assert works(kernel)
        assert kernel.address > 0

    def test_the_same_text_is_the_same_kernel(self, kernels: Kernels) -> None:
        assert kernels.compile("put", TEXT) is kernels.compile("put", TEXT)

    def test_threads_compile_once(self, kernels: Kernels) -> None:
        found: list[Kernel] = []
        threads = [threading.Thread(target=lambda: found.append(kernels.compile("put", TEXT))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 1
        assert (kernels.compiled, kernels.loaded) == (["put"], 0)

    def test_malformed_text(self, kernels: Kernels) -> None:
        with pytest.raises(RuntimeError, match="parsing"):
            kernels.compile("put", "define void @put( {")

    def test_a_name_that_is_not_there(self, kernels: Kernels) -> None:
        with pytest.raises(RuntimeError, match="no function 'get'"):
            kernels.compile("get", TEXT)
        assert cache_size()[0] == 0

    def test_a_kernel_whose_code_is_not_handed_over_works(self, files: Store) -> None:
        """An interrupt may fall into the callback, which native code cannot pass on."""

        class Interrupted(Kernels):
            def link(self, name: str, module: Any, machine: Any, write: Any = None, read: Any = None) -> Kernel:
                return super().link(name, module, machine)

        assert works(Interrupted(files).compile("put", TEXT))
        assert cache_size()[0] == 0

    def test_the_key_depends_on_everything(self) -> None:
        assert len({kernel_key("a", "b"), kernel_key("b", "a"), kernel_key("ab", "")}) == 3


class TestFiles:
    def test_a_second_process_loads(self, monkeypatch: pytest.MonkeyPatch, kernels: Kernels, files: Store) -> None:
        assert works(kernels.compile("put", TEXT))
        assert (kernels.compiled, kernels.loaded) == (["put"], 0)
        second = Kernels(files)
        monkeypatch.setattr(jit.llvm, "create_pass_builder", None)  # a hit optimises nothing
        assert works(second.compile("put", TEXT))
        assert (second.compiled, second.loaded) == ([], 1)

    @pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
    def test_folder_and_files_are_private(self, folder: Path, kernels: Kernels) -> None:
        kernels.compile("put", TEXT)
        (file,) = folder.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert file.stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize("damage", ["cut", "empty", "flip", "magic", "renamed"])
    def test_a_damaged_file_is_replaced(self, folder: Path, damage: str, kernels: Kernels, files: Store) -> None:
        kernels.compile("put", TEXT)
        (file,) = folder.iterdir()
        whole = file.read_bytes()
        flipped = bytearray(whole)
        flipped[-1] ^= 1
        if damage == "renamed":
            kernels.compile("put", TEXT + "; another\n")
            (other,) = set(folder.iterdir()) - {file}
            os.replace(other, file)
        else:
            broken = {"cut": whole[:-10], "empty": b"", "flip": bytes(flipped), "magic": b"X" + whole[1:]}
            file.write_bytes(broken[damage])
        second = Kernels(files)
        with pytest.warns(RanvierWarning, match="compiled anew"):
            assert works(second.compile("put", TEXT))
        assert (second.compiled, second.loaded) == (["put"], 0)
        assert file.read_bytes() == whole

    def test_code_that_does_not_hold_the_function_is_replaced(self, kernels: Kernels, files: Store) -> None:
        kernels.compile("other", TEXT.replace("@put", "@other"))
        code = files.load(kernel_key("other", TEXT.replace("@put", "@other")))
        assert code is not None
        files.save(kernel_key("put", TEXT), code)
        with pytest.warns(RanvierWarning, match="does not load"):
            assert works(kernels.compile("put", TEXT))

    def test_size_and_clearing(self, folder: Path, kernels: Kernels) -> None:
        assert cache_size() == (0, 0)
        kernels.compile("put", TEXT)
        (file,) = folder.iterdir()
        assert cache_size() == (1, file.stat().st_size)
        assert clear_cache() == 1
        assert cache_size() == (0, 0)

    def test_the_folder_is_bounded(self, folder: Path, files: Store) -> None:
        for i in range(10):
            files.save(f"{i:064x}", bytes(1000), limit=5000)
            os.utime(folder / f"{i:064x}.kernel", (i, i))
        assert cache_size()[1] <= 5000
        assert files.load(f"{9:064x}") == bytes(1000)
        assert files.load(f"{0:064x}") is None


class TestFolders:
    def test_without_a_folder(self, folder: Path, monkeypatch: pytest.MonkeyPatch, kernels: Kernels) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "read-only")

        monkeypatch.setattr(Path, "mkdir", refuse)
        with pytest.warns(RanvierWarning, match="set RANVIER_CACHE") as caught:
            assert all([works(kernels.compile("put", text)) for text in (TEXT, TEXT + "; two\n")])
        assert len(caught) == 1
        assert not folder.exists()

    def test_a_full_disk(self, folder: Path, monkeypatch: pytest.MonkeyPatch, kernels: Kernels) -> None:
        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.warns(RanvierWarning, match="cannot write") as caught:
            assert all([works(kernels.compile("put", text)) for text in (TEXT, TEXT + "; two\n")])
        assert len(caught) == 1
        assert list(folder.iterdir()) == []

    def test_an_unreadable_file(self, monkeypatch: pytest.MonkeyPatch, kernels: Kernels) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(13, "no")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.warns(RanvierWarning, match="cannot read"):
            assert works(kernels.compile("put", TEXT))

    def test_no_home(self, monkeypatch: pytest.MonkeyPatch, files: Store) -> None:
        def refuse() -> Path:
            raise RuntimeError("Could not determine home directory.")

        for name in ("RANVIER_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(Path, "home", refuse)
        with pytest.warns(RanvierWarning, match="home"):
            assert files.load("0" * 64) is None
        assert cache_size() == (0, 0)

    @pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
    @pytest.mark.parametrize("mode", [0o770, 0o707])
    def test_a_folder_that_others_may_write(self, folder: Path, mode: int, kernels: Kernels) -> None:
        folder.mkdir()
        folder.chmod(mode)
        with pytest.warns(RanvierWarning, match="chmod 700"):
            assert works(kernels.compile("put", TEXT))
        assert list(folder.iterdir()) == []

    @pytest.mark.skipif(os.name == "nt", reason="owners of POSIX")
    def test_a_folder_of_another_user(self, folder: Path, monkeypatch: pytest.MonkeyPatch, kernels: Kernels) -> None:
        owner = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
        with pytest.warns(RanvierWarning, match="belongs to"):
            assert works(kernels.compile("put", TEXT))
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize(
        ("platform", "variable", "ending"),
        [
            ("linux", "XDG_CACHE_HOME", "ranvier/kernels"),
            ("win32", "LOCALAPPDATA", "ranvier/kernels"),
            ("darwin", "", "Library/Caches/ranvier/kernels"),
        ],
    )
    def test_where(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, ending: str
    ) -> None:
        monkeypatch.delenv("RANVIER_CACHE", raising=False)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        if variable:
            monkeypatch.setenv(variable, str(tmp_path))
        assert cache_folder() == tmp_path / ending


class TestProcesses:
    def test_two_at_once(self, kernels: Kernels) -> None:
        code = (
            "import sys\nfrom ranvier.kernels.cpu.llvm.jit import compile_kernel\n"
            "text = sys.stdin.read()\n"
            "for i in range(6): compile_kernel('put', text + f'; {i}\\n')\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(TEXT)
            process.stdin.close()
        for process in processes:
            assert process.stderr is not None
            errors = process.stderr.read()
            process.stderr.close()
            assert process.wait() == 0, errors
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert works(kernels.compile("put", TEXT + "; 0\n"))
        assert (kernels.compiled, kernels.loaded) == ([], 1)
        assert cache_size()[0] == 6
