"""Every named model runs, learns, streams, is saved with its card, and refuses wrong options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.errors import FileFormatError, RanvierError, ShapeError
from ranvier.units import ms

NAMES = [name for name in rv.models.list() if "." not in name]


def made(name: str, **options: Any) -> rv.Network:
    torch.manual_seed(0)
    return rv.models.create(name, **options)


@pytest.mark.parametrize("name", NAMES)
class TestEveryModel:
    def test_its_card_is_complete(self, name: str) -> None:
        card = rv.models.card(name)
        assert card.name == name
        assert card.family
        assert card.about.endswith(".")
        assert card.papers
        assert 0 < card.parameters <= 300_000
        assert name in str(card)

    @pytest.mark.parametrize("batch", [1, 7])
    def test_it_runs_and_every_parameter_gets_a_gradient(self, name: str, batch: int) -> None:
        net = made(name)
        out, _ = net(rv.models.example(name, batch, steps=None))
        assert out.shape[:2] == (rv.models.card(name).steps, batch)
        out.square().sum().backward()
        assert not [n for n, q in net.named_parameters() if q.requires_grad and q.grad is None]
        assert all(bool(torch.isfinite(q.grad).all()) for q in net.parameters() if q.grad is not None)

    def test_single_steps_give_the_sequence(self, name: str) -> None:
        net, x = made(name, dtype=torch.float64).eval(), rv.models.example(name)
        x = x.double() if x.is_floating_point() else x
        with torch.no_grad():
            whole, state = net(x)[0], None
            if not rv.models.card(name).streams:
                with pytest.raises(RanvierError):
                    net(x[:1])
                return
            parts = []
            for t in range(len(x)):
                out, state = net(x[t : t + 1], state)
                parts.append(out)
        torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-9, atol=1e-11)

    def test_the_kernels_give_what_the_specification_gives(self, name: str) -> None:
        x = rv.models.example(name)
        x = x.double() if x.is_floating_point() else x
        a, b = (made(name, dtype=torch.float64, provider=p) for p in (None, "reference"))
        torch.testing.assert_close(a(x)[0], b(x)[0], rtol=1e-8, atol=1e-10)

    def test_a_folder_keeps_it(self, name: str, tmp_path: Path) -> None:
        net = made(name).eval()
        rv.models.save(net, tmp_path / "model")
        again = rv.models.from_pretrained(tmp_path / "model")
        x = rv.models.example(name)
        assert torch.equal(net(x)[0], again(x)[0])
        rv.models.save(again, tmp_path / "model")  # it still knows what made it
        assert rv.models.from_pretrained(str(tmp_path / "model")).made_by["model"] == name

    def test_wrong_options_are_refused(self, name: str) -> None:
        first = next(iter(rv.models.card(name).options))
        with pytest.raises(RanvierError, match=f"Did you mean '{first}'"):
            rv.models.create(name, **{f"{first}x": 1})
        with pytest.raises(RanvierError, match=first):
            rv.models.create(name, **{first: object()})


class TestNames:
    def test_patterns(self) -> None:
        assert rv.models.list("sew_min?") == ["sew_mini"]
        assert rv.models.list("nothing*") == []
        with pytest.raises(RanvierError, match="pattern"):
            rv.models.list(3)

    @pytest.mark.parametrize("name", ["sew_mimi", "", None, 3])
    def test_unknown(self, name: Any) -> None:
        with pytest.raises(RanvierError, match=r"there is no model.*list\(\)"):
            rv.models.create(name)
        with pytest.raises(RanvierError, match="there is no model"):
            rv.models.card(name)

    def test_unknown_weights(self) -> None:
        with pytest.raises(RanvierError, match=r"no trained weights 'sew_mini\.moon'"):
            rv.models.create("sew_mini.moon")
        with pytest.raises(RanvierError, match="Did you mean 'sew_mini'"):
            rv.models.create("sew_mimi.digits")

    @pytest.mark.parametrize(
        ("options", "error", "says"),
        [
            ({"channels": 16}, RanvierError, "must be a tuple"),
            ({"channels": ()}, RanvierError, "must be a tuple"),
            ({"channels": (16, "32")}, RanvierError, "a whole number"),
            ({"channels": (16, -2)}, ShapeError, "positive"),
            ({"classes": 2.5}, RanvierError, "a whole number"),
            ({"classes": True}, RanvierError, "a whole number"),
            ({"classes": 0}, ValueError, "0"),
            ({"join": "or"}, RanvierError, "'iand'"),
            ({"tau": "2"}, RanvierError, "a number"),
            ({"tau": -1.0}, RanvierError, "tau"),
            ({"tau": 0}, RanvierError, "tau=0 must be positive"),
            ({"tau": float("nan")}, RanvierError, "tau=nan must be positive"),
            ({"tau": float("inf")}, RanvierError, "tau=inf must be positive"),
            ({"sede": 1}, RanvierError, "Did you mean 'seed'"),
            ({"dtype": "float"}, RanvierError, "dtype"),
        ],
    )
    def test_mistakes(self, options: dict[str, Any], error: type[Exception], says: str) -> None:
        with pytest.raises(error, match=says):
            rv.models.create("sew_mini", **options)

    @pytest.mark.parametrize("name", ["lmuformer_mini", "spikegpt_mini", "spikformer_mini"])
    @pytest.mark.parametrize("blocks", [0, -1])
    def test_a_model_has_blocks(self, name: str, blocks: int) -> None:
        with pytest.raises(ShapeError, match=f"{name}: blocks={blocks} must be positive"):
            rv.models.create(name, blocks=blocks)

    def test_a_step_takes_time(self) -> None:
        with pytest.raises(RanvierError, match="dt=0 must be positive"):
            rv.models.create("lif_memory_mini", dt=0)

    @pytest.mark.parametrize("word", ["batch", "steps"])
    def test_an_example_has_a_size(self, word: str) -> None:
        with pytest.raises(RanvierError, match=f"{word}=0"):
            rv.models.example("sew_mini", **{word: 0})

    def test_looking_at_a_model_draws_nothing(self, tmp_path: Path) -> None:
        rv.models.save(made("ms_mini"), tmp_path / "model")
        torch.manual_seed(0)
        first = torch.rand(3)
        torch.manual_seed(0)
        rv.models.card("ms_mini")
        rv.models.example("ms_mini")
        rv.models.from_pretrained(tmp_path / "model")
        assert torch.equal(torch.rand(3), first)

    def test_a_plan_without_channels(self) -> None:
        with pytest.raises(ShapeError, match="holds no number of channels"):
            rv.models.create("vgg_mini", plan=("M",))

    def test_options_reach_the_network(self) -> None:
        net = rv.models.create("sew_mini", channels=[4, 8], classes=3, tau=5, seed=7, dtype=torch.float64)
        assert (net.seed, net.dtype) == (7, torch.float64)
        assert net.made_by["options"]["channels"] == (4, 8)
        assert net.lif1.tau == 5
        assert net(torch.rand(2, 1, 1, 12, 9, dtype=torch.float64))[0].shape == (2, 1, 3)


class TestFolders:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        rv.models.save(
            made("ms_mini", classes=3), tmp_path / "model", name="ms_mini.own", measure="accuracy", figure=0.5
        )
        return tmp_path / "model"

    def edited(self, folder: Path, **changes: Any) -> None:
        path = folder / "card.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def test_fields_of_training_are_kept(self, folder: Path) -> None:
        assert json.loads((folder / "card.json").read_text())["figure"] == 0.5
        assert rv.load(folder).made_by["options"]["classes"] == 3

    def test_a_name_of_no_weights_is_no_folder(self) -> None:
        with pytest.raises(FileFormatError, match="no folder and no name"):
            rv.models.from_pretrained("nowhere")
        with pytest.raises(FileFormatError, match="neither a path nor a name"):
            rv.models.from_pretrained(3)

    def test_a_network_without_card(self, tmp_path: Path) -> None:
        rv.save(made("ms_mini"), tmp_path / "plain")
        with pytest.raises(FileFormatError, match=r"no card\.json.*rv\.load"):
            rv.models.from_pretrained(tmp_path / "plain")

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"parameters": 3}, "parameters and not 3"),
            ({"options": {"classes": 4}}, "the card says"),
            ({"options": {"class_count": 4}}, "no option 'class_count'"),
            ({"name": "sew_mini"}, "the card says 'sew_mini'"),
            ({"name": "unheard_of"}, "there is no model"),
            ({"papers": 3}, "papers"),
            ({"steps": -1}, "steps"),
            ({"figure": "high"}, "figure"),
        ],
    )
    def test_a_card_that_does_not_fit(self, folder: Path, changes: dict[str, Any], says: str) -> None:
        self.edited(folder, **changes)
        with pytest.raises(RanvierError, match=says):
            rv.models.from_pretrained(folder)

    def test_a_damaged_card(self, folder: Path) -> None:
        (folder / "card.json").write_text("[")
        with pytest.raises(FileFormatError, match="JSON"):
            rv.models.from_pretrained(folder)
        (folder / "card.json").write_text("[]")
        with pytest.raises(FileFormatError, match="where an object should"):
            rv.models.from_pretrained(folder)

    def test_a_foreign_network_beside_the_card(self, folder: Path) -> None:
        rv.save(rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms), folder)
        with pytest.raises(FileFormatError, match="says that it is no model"):
            rv.models.from_pretrained(folder)

    @pytest.mark.parametrize("origin", [3, {"model": "ms_mini"}, {"model": "ms_mini", "options": 3}])
    def test_an_edited_origin(self, folder: Path, origin: Any) -> None:
        path = folder / "network.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "made_by": origin}))
        with pytest.raises(FileFormatError):
            rv.models.from_pretrained(folder)

    def test_what_is_not_of_a_model_is_not_saved_as_one(self, tmp_path: Path) -> None:
        with pytest.raises(RanvierError, match=r"rv\.save"):
            rv.models.save(rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms), tmp_path)
        net = made("ms_mini")
        with pytest.raises(RanvierError, match="takes no 'family'"):
            rv.models.save(net, tmp_path, family="mine")
        with pytest.raises(RanvierError, match="finite numbers"):
            rv.models.save(net, tmp_path, figure=float("nan"))
        with pytest.raises(RanvierError, match="after a dot"):
            rv.models.save(net, tmp_path, name="sew_mini")
        with pytest.raises(RanvierError, match=r"differs.*rv\.save"):
            rv.models.save(rv.fold_norms(net.eval()), tmp_path)
        assert not list(tmp_path.iterdir())


class TestRegister:
    def add(self, build: Any, **how: Any) -> None:
        given = {"family": "test", "input": (3,), "steps": 2, "papers": ("a",), **how}
        rv.models.register(**given)(build)

    def test_mistakes(self) -> None:
        def Name() -> None:
            """Sentence."""

        def silent(*, a: int = 1) -> None: ...

        def placed(a: int = 1) -> None:
            """Sentence."""

        def needed(*, a: int) -> None:
            """Sentence."""

        def nothing(*, a: Any = None) -> None:
            """Sentence."""

        def sew_mini(*, a: int = 1) -> None:
            """Sentence."""

        def fine(*, hidden: int = 1) -> None:
            """Sentence."""

        for build, says in (
            (Name, "small letters"), (silent, "no docstring"), (placed, "must be a keyword"), (needed, "must be a keyword"),
            (nothing, "default of 'a'"), (sew_mini, "already a model"),
        ):  # fmt: skip
            with pytest.raises(RanvierError, match=says):
                self.add(build)
        with pytest.raises(RanvierError, match="Did you mean 'hidden'"):
            self.add(fine, input=("hidden_cells",))
        assert "fine" not in rv.models.list()
