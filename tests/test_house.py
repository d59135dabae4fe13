"""The rules of the house hold, the checkers see breaches, and the flat page of names works."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import ranvier

ROOT = Path(__file__).resolve().parents[1]


def _script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""A package."""\n\n__all__ = []\n')
    return folder


class TestHouse:
    def test_the_package_keeps_the_rules(self) -> None:
        assert list(_script("check_house").breaches(ROOT / "ranvier")) == []

    def test_no_more_tests_replace_constants(self, tmp_path: Path) -> None:
        script = _script("check_house")
        assert len(list(script.patched(ROOT / "tests"))) <= script.PATCHED
        lines = [
            'm.setattr(module, "_LEAST", 1)',
            'm.setattr("ranvier.module._LEAST", 1)',
            'm.setattr(os, "replace", f)',
        ]
        (tmp_path / "test_it.py").write_text("\n".join(lines))
        assert [where.rpartition(":")[2] for where in script.patched(tmp_path)] == ["1", "2"]

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("from math import *\n", "wildcard"),
            ("assert True\n", "assert"),
            ("print(1)\n", "print"),
            ("import warnings\nwarnings.warn('x', stacklevel=2)\n", "points at the line of the user"),
            ("try:\n    x = 1\nexcept:\n    x = 2\n", "bare except"),
            ('def f():\n    """Do."""\n    pass\n', "no body"),
            ("x = isinstance(1, Linear)\n", "Linear"),
            ("ours = (int, nn.Conv2d)\nx = isinstance(1, ours)\n", "Conv2d"),
            ("x = type(1) is nn.Flatten\n", "Flatten"),
            ("x = 1\n" * 500, "lines"),
        ],
    )
    def test_each_breach_is_seen(self, package: Path, text: str, complaint: str) -> None:
        (package / "_module.py").write_text(f'"""A module."""\n\n{text}')
        found = list(_script("check_house").breaches(package))
        assert len(found) == 1
        assert complaint in found[0]

    @pytest.mark.parametrize(
        "text",
        [
            "from ranvier.kernels import gpu\n",
            "from ranvier.kernels.gpu.scan import run\n",
            'x = load("ranvier.kernels.gpu.scan")\n',
            'x = plan.provider(name) == "gpu"\n',
        ],
    )
    def test_a_provider_is_known_to_the_registry_alone(self, package: Path, text: str) -> None:
        for folder in ("kernels", "kernels/gpu"):
            (package / folder).mkdir()
            (package / folder / "__init__.py").write_text('"""A package."""\n\n__all__ = []\n')
        for file in ("kernels/gpu/provider.py", "kernels/registry.py", "kernels/products.py", "network.py"):
            (package / file).write_text(f'"""A module."""\n\n{text}')
        found = list(_script("check_house").breaches(package))
        assert [line.split(":")[0] for line in found] == ["package/kernels/products.py", "package/network.py"]
        assert all("ask ranvier.kernels.registry" in line for line in found)

    def test_the_package_of_transforms_may_ask_for_their_classes(self, package: Path) -> None:
        (package / "connectivity").mkdir()
        (package / "connectivity" / "_module.py").write_text('"""A module."""\n\nx = isinstance(1, Linear)\n')
        assert list(_script("check_house").breaches(package)) == []

    def test_a_package_without_public_names_is_seen(self, package: Path) -> None:
        (package / "__init__.py").write_text("")
        assert "__all__" in next(_script("check_house").breaches(package))

    def test_a_module_without_docstring_is_seen(self, package: Path) -> None:
        (package / "_module.py").write_text("x = 1\n")
        assert "docstring" in next(_script("check_house").breaches(package))

    def test_protocols_and_private_stubs_pass(self, package: Path) -> None:
        text = '"""A module."""\n\n\ndef f() -> int: ...\n\n\ndef _g() -> None:\n    pass\n'
        (package / "_module.py").write_text(text)
        assert list(_script("check_house").breaches(package)) == []


class TestReplaced:
    """Tests make objects of their own instead of replacing attributes of the package."""

    @pytest.mark.parametrize(
        ("line", "counts"),
        [
            ('patch.setattr("ranvier.room.part.word", 1)', True),
            ('patch.setattr("ranvier.room.part.os.replace", 1)', False),
            ('patch.setattr(part, "word", 1)', True),
            ('patch.setattr(part.os, "replace", 1)', False),
            ('patch.setattr(rv.Network, "run", 1)', True),
            ('patch.setattr(Thing, "run", 1)', True),
            ('patch.setattr(os, "replace", 1)', False),
            ('setattr(thing, "word", 1)', False),
        ],
    )
    def test_replaced_attributes_are_counted(self, tmp_path: Path, line: str, counts: bool) -> None:
        room = tmp_path / "ranvier" / "room"
        room.mkdir(parents=True)
        (room / "part.py").write_text("import os\nword = 2\n")
        (tmp_path / "tests").mkdir()
        imports = (
            "import os\nimport ranvier as rv\nfrom ranvier.room import part\nfrom ranvier.room.part import Thing\n"
        )
        (tmp_path / "tests" / "test_it.py").write_text(f"{imports}{line}\n")
        found = list(_script("check_house").replaced(tmp_path / "tests", tmp_path / "ranvier"))
        assert found == (["tests/test_it.py:5"] if counts else [])


class TestParameterNames:
    def test_the_package_spells_each_parameter_in_one_way(self) -> None:
        script = _script("check_parameter_names")
        assert list(script.pairs(script.collect(ROOT / "ranvier"))) == []

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("tau_m", "tau_mem"),
            ("num_steps", "n_steps"),
            ("v_th", "threshold_v"),
            ("n_step", "n_steps"),
            ("normalise", "normalize"),
            ("refractory", "refrac"),
        ],
    )
    def test_near_duplicates_are_seen(self, first: str, second: str) -> None:
        pairs = list(_script("check_parameter_names").pairs({first: ["a.py:1"], second: ["b.py:1"]}))
        assert pairs == [tuple(sorted((first, second)))]

    @pytest.mark.parametrize(
        ("first", "second"),
        [("tau_m", "tau_s"), ("event", "events"), ("n", "count"), ("v_reset", "v_rest"), ("layer_1", "layer_2")],
    )
    def test_different_things_pass(self, first: str, second: str) -> None:
        assert list(_script("check_parameter_names").pairs({first: ["a.py:1"], second: ["b.py:1"]})) == []

    def test_parameters_of_functions_methods_and_records_are_collected(self, package: Path) -> None:
        text = (
            "def f(a, *, b=1): ...\ndef _g(hidden): ...\n"
            "class C:\n    field: int\n    def __init__(self, c): ...\n    def _m(self, hidden): ...\n"
        )
        (package / "module.py").write_text(text)
        assert set(_script("check_parameter_names").collect(package)) == {"a", "b", "c", "field"}

    def test_names_of_other_libraries_do_not_count(self, package: Path) -> None:
        (package / "compat").mkdir()
        (package / "compat" / "module.py").write_text("def f(a): ...\n")
        assert set(_script("check_parameter_names").collect(package)) == set()

    def test_only_exported_names_count_where_a_module_lists_them(self, package: Path) -> None:
        (package / "module.py").write_text('__all__ = ["f"]\ndef f(a): ...\ndef g(b): ...\n')
        assert set(_script("check_parameter_names").collect(package)) == {"a"}


class TestPrivateImports:
    def test_the_package_keeps_private_modules_private(self) -> None:
        script = _script("check_private_imports")
        assert list(script.breaches(ROOT, script.ALLOWED, script.IN_TESTS)) == []

    @pytest.mark.parametrize(
        "line",
        [
            "from ranvier.a._b import c",
            "import ranvier.a._b",
            "from ranvier.a import _b",
            "from ranvier.a._b.c import d",
        ],
    )
    def test_a_crossing_is_seen_and_allowed(self, tmp_path: Path, line: str) -> None:
        for module in ("a/inside", "d/outside"):
            (tmp_path / "ranvier" / module).parent.mkdir(parents=True)
            (tmp_path / "ranvier" / f"{module}.py").write_text(f"{line}\n")
        breaches, pair = _script("check_private_imports").breaches, ("ranvier.d.outside", "ranvier.a._b")
        (found,) = breaches(tmp_path, set(), 0)
        assert found.startswith("ranvier.d.outside imports ranvier.a._b")
        assert list(breaches(tmp_path, {pair}, 0)) == []
        (found,) = breaches(tmp_path, {pair, ("ranvier.d.outside", "ranvier.e._f")}, 0)
        assert "remove the line" in found


class TestPage:
    def test_every_public_name_loads(self) -> None:
        for name in ranvier.__all__:
            assert getattr(ranvier, name) is not None

    def test_dir_lists_the_public_names(self) -> None:
        assert set(ranvier.__all__) <= set(dir(ranvier))

    def test_an_unknown_name_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match=r"no attribute 'nothing'"):
            _ = ranvier.nothing

    def test_importing_the_page_loads_no_torch(self) -> None:
        code = "import sys, ranvier; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class TestPackaging:
    def test_the_extra_data_is_permissive_and_the_archive_whole(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        extras = project["project"]["optional-dependencies"]
        gpl = ("tonic", "event_stream", "expelliarmus", "importRosbag")
        held = " ".join([*project["project"]["dependencies"], *extras["data"], *extras["dev"]])
        assert not any(name in held for name in gpl)
        archive = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
        assert archive >= {
            "ranvier",
            "tests",
            "docs",
            "benchmarks",
            "scripts",
            "Makefile",
            "constraints.txt",
            "LICENSE",
        }
