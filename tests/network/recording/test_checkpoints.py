"""Runs that are cut, killed, interrupted or short of disk go on to the same bits."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ranvier as rv
from ranvier.errors import FileFormatError, RanvierWarning, RecordingError, StateError
from ranvier.network.recording import _zarr
from ranvier.units import Hz, ms, mV, second


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(1, 399))
def test_a_run_and_its_continuation_are_one_run(full: Callable, dtype: torch.dtype, cut: int) -> None:
    """With delays per synapse, Poisson input, coloured and white noise."""
    whole, first = (
        full(dtype=dtype, plastic=False).run(n * 0.5 * ms, stream=0, record={"exc": ["spikes", "v"]})
        for n in (400, cut)
    )
    rest = full(dtype=dtype, plastic=False).run(
        (400 - cut) * 0.5 * ms, first.state, stream=0, record={"exc": ["spikes", "v"]}
    )
    np.testing.assert_array_equal(np.concatenate([first["exc"].v, rest["exc"].v]), whole["exc"].v)
    steps = np.concatenate([first["exc"].spikes.step, rest["exc"].spikes.step])
    np.testing.assert_array_equal(steps, whole["exc"].spikes.step)
    for n, t in whole.state.tensors().items():
        assert torch.equal(t, rest.state.tensors()[n]), n


def test_plastic_synapses_go_on_to_rounding(full: Callable) -> None:
    """Traces are decayed when a run ends, in one factor where the whole run has two: equal but for the last bits."""
    whole, first = (full(dtype=torch.float64).run(n * ms, stream=0) for n in (100, 37))
    rest = full(dtype=torch.float64).run(63 * ms, first.state, stream=0)
    for n, t in whole.state.tensors().items():
        torch.testing.assert_close(rest.state.tensors()[n], t, rtol=1e-9, atol=1e-9)


def test_resumed_after_kill_9(full: Callable, record: dict, same: Callable, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from conftest import RECORD, build_full\n"
        "from ranvier.units import ms\n"
        f"build_full().run(300000*ms, stream=0, record=RECORD, checkpoint={str(tmp_path / 'kept')!r}, checkpoint_every=50*ms)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    path, done, deadline = tmp_path / "kept" / "run.json", 0, time.monotonic() + 120
    while done < 200:
        assert time.monotonic() < deadline
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.02)
        done = json.loads(path.read_text()).get("done", 0) if path.exists() else 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = json.loads(path.read_text())["done"]
    assert 200 <= done < 600000
    assert done % 100 == 0
    # the network does not know how long it was to run: a shorter checkpointed run is another request
    with pytest.raises(StateError, match="steps=600000"):
        full().run(200 * ms, stream=0, record=record, checkpoint=tmp_path / "kept", checkpoint_every=50 * ms)
    described = json.loads(path.read_text())
    described["request"]["steps"] = done + 130
    path.write_text(json.dumps(described))
    resumed = full().run(
        (done + 130) * 0.5 * ms, stream=0, record=record, checkpoint=tmp_path / "kept", checkpoint_every=50 * ms
    )
    whole = full().run(
        (done + 130) * 0.5 * ms, stream=0, record=record, checkpoint=tmp_path / "other", checkpoint_every=50 * ms
    )
    same(resumed, whole)


@pytest.mark.parametrize(
    ("file", "count", "half"),
    [
        ("state-", 4, True),
        ("run.json", 4, False),
        pytest.param("run.json", 4, True, marks=pytest.mark.slow),
        pytest.param("cell/.zarray", 13, True, marks=pytest.mark.slow),
        pytest.param("v/0.0", 6, False, marks=pytest.mark.slow),
    ],
)
def test_killed_while_a_checkpoint_is_written(
    full: Callable, record: dict, same: Callable, tmp_path: Path, file: str, count: int, half: bool
) -> None:
    """The process kills itself as a file of a checkpoint is to appear, or with a half of it written."""
    script, kept = tmp_path / "job.py", tmp_path / "kept"
    script.write_text(
        f"import os, signal, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from conftest import RECORD, build_full\n"
        "from ranvier.units import ms\n"
        "real, seen = os.replace, 0\n"
        "def deadly(old, new):\n"
        "    global seen\n"
        f"    seen += {file!r} in str(new)\n"
        f"    if {file!r} in str(new) and seen >= {count}:\n"
        f"        if {half}:\n"
        "            os.truncate(old, os.path.getsize(old) // 2)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(old, new)\n"
        "os.replace = deadly\n"
        f"build_full().run(400*ms, stream=0, record=RECORD, checkpoint={str(kept)!r}, checkpoint_every=50*ms)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, str(script)], env=environment, timeout=300)
    assert ended.returncode == -signal.SIGKILL
    assert 100 <= json.loads((kept / "run.json").read_text())["done"] <= 300
    resumed = full().run(400 * ms, stream=0, record=record, checkpoint=kept, checkpoint_every=50 * ms)
    whole = full().run(400 * ms, stream=0, record=record, checkpoint=tmp_path / "other", checkpoint_every=50 * ms)
    same(resumed, whole)


def test_a_finished_run_is_given_back(full: Callable, record: dict, same: Callable, tmp_path: Path) -> None:
    net, plain = full(plastic=False), {n: v for n, v in record.items() if n != "plastic"}
    first = net.run(150 * ms, stream=0, record=plain, checkpoint=tmp_path / "kept", checkpoint_every=40 * ms)
    same(first, full(plastic=False).run(150 * ms, stream=0, record=plain))
    again = full(plastic=False).run(
        150 * ms, stream=0, record=plain, checkpoint=tmp_path / "kept", checkpoint_every=40 * ms
    )
    same(again, first)


@pytest.mark.parametrize("change", ["seed", "weights", "duration", "record", "state"])
def test_another_run_is_refused(full: Callable, tmp_path: Path, change: str) -> None:
    net = full()
    start = net.run(10 * ms, stream=0).state
    net.run(50 * ms, stream=0, record={"exc": ["spikes"]}, checkpoint=tmp_path / "kept")
    other = full(seed=2) if change == "seed" else full()
    if change == "weights":
        with torch.no_grad():
            next(iter(other.projections.values())).chain[0].weight.mul_(2)
    duration = 60 * ms if change == "duration" else 50 * ms
    record = {"exc": ["spikes", "v"]} if change == "record" else {"exc": ["spikes"]}
    with pytest.raises(StateError, match="choose another folder"):
        other.run(duration, start if change == "state" else None, stream=0, record=record, checkpoint=tmp_path / "kept")


def test_what_a_run_depends_on_is_told_by_its_path(tmp_path: Path) -> None:
    """Rules that are never stored, code of events, values and sources."""

    def build(degree: int = 5, code: str = "v = E_L", rate: float = 50.0, V_th: float = -50.0) -> rv.Network:
        net = rv.Network(dt=0.5 * ms, seed=1)
        text = f"dv/dt = (E_L - v + 9*mV)/(10*ms) : mV\nE_L = -65*mV : mV\nV_th = {V_th}*mV : mV"
        cell = rv.Cell(text, threshold="v > V_th", reset="v = E_L", events={"high": ("v > -55*mV", code)})
        net.population("cells", 30, cell)
        net.source("input", rv.Poisson(rate * Hz, 20))
        net.connect("input", "cells", rv.Procedural(rv.FixedOutDegree(degree)), to="v", weight=0.5 * mV)
        return net

    build().run(10 * ms, stream=0, checkpoint=tmp_path / "c")
    build().run(10 * ms, stream=0, checkpoint=tmp_path / "c")
    for changed, message in (
        ({"degree": 20}, r"chain\[0\]\.degree=5, now it is 20"),
        ({"code": "v = E_L - 1*mV"}, r"events\.high\.code='v = E_L', now it is 'v = E_L - 1\*mV'"),
        ({"rate": 60.0}, r"network\.sources\.input\.rate\.value=0\.05, now it is 0\.06"),
        ({"V_th": -49.0}, r"network\.populations\.cells\.cell\."),
    ):
        with pytest.raises(StateError, match=message):
            build(**changed).run(10 * ms, stream=0, checkpoint=tmp_path / "c")


def test_the_recording_of_another_run_is_not_taken_over(full: Callable, tmp_path: Path) -> None:
    """Neither by a run that was refused once and is started again, nor by one that was moved."""
    to = tmp_path / "out.zarr"
    full().run(20 * ms, stream=0, record={"exc": ["spikes"]}, to=to)
    before = {path: path.read_bytes() for path in to.rglob("*") if path.is_file()}
    for _ in range(2):
        with pytest.raises(FileFormatError, match=r"holds another recording \(40 steps\)"):
            full(seed=2).run(20 * ms, stream=0, record={"exc": ["spikes"]}, to=to, checkpoint=tmp_path / "kept")
    assert before == {path: path.read_bytes() for path in to.rglob("*") if path.is_file()}


def test_reset_to_a_stored_state(full: Callable, tmp_path: Path) -> None:
    net = full()
    warm = net.run(100 * ms, stream=0).state
    rv.save_state(warm, tmp_path / "warm.safetensors")
    first = net.run(50 * ms, warm, stream=0, record={"exc": ["v"]})
    again = full().run(50 * ms, rv.load_state(tmp_path / "warm.safetensors"), stream=0, record={"exc": ["v"]})
    np.testing.assert_array_equal(first["exc"].v, again["exc"].v)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a program that somebody watches; what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_a_run_that_goes_on(full: Callable, record: dict, same: Callable) -> None:
    net, before = full(), signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    net.run(1 * ms, stream=0)  # compile
    timer.start()
    with pytest.warns(RanvierWarning, match=r"interrupted at t = .*state=run\.state"):
        run = net.run(3000 * second, stream=0, record=record)
    assert signal.getsignal(signal.SIGINT) is before
    done = run.state.step
    assert 0 < done < 6_000_000
    assert run.stopped.startswith("interrupted")
    assert run.duration == done * 0.5
    same(run, full().run(done * 0.5 * ms, stream=0, record=record))
    assert net.run(10 * ms, run.state, stream=0).state.step == done + 20


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_loop_of_short_runs(full: Callable) -> None:
    net = full()
    state = net.run(1 * ms).state  # compile

    def go_on() -> None:
        at = state
        for _ in range(100_000):
            at = net.run(1 * ms, at).state

    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            go_on()
    finally:
        timer.cancel()


def test_a_full_disk_stops_the_run_and_keeps_the_data(
    full: Callable, record: dict, tmp_path: Path, monkeypatch
) -> None:
    left, real = [4_000_000], _zarr.replace_file

    def small_disk(path: Path, payload: bytes, sync: bool = False) -> None:
        left[0] -= len(payload)
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, payload, sync=sync)

    monkeypatch.setattr(_zarr, "replace_file", small_disk)
    with pytest.raises(RecordingError, match="No space left on device") as caught:
        full().run(400 * second, stream=0, record=record, to=tmp_path / "out.zarr")
    monkeypatch.undo()
    done = caught.value.run.state.step
    records = rv.load_records(tmp_path / "out.zarr")
    kept = records["exc"].spikes
    assert 0 < kept.steps < done
    whole = full().run(kept.steps * 0.5 * ms, stream=0, record=record)
    np.testing.assert_array_equal(kept.step, whole["exc"].spikes.step)
    np.testing.assert_array_equal(records["exc"].v, whole["exc"].v)
    np.testing.assert_array_equal(records["plastic"].w, whole["plastic"].w)
    assert caught.value.run.state.step == full().run(1 * ms, caught.value.run.state, stream=0).state.step - 2


def test_a_damaged_checkpoint_is_refused(full: Callable, tmp_path: Path) -> None:
    net = full()
    net.run(50 * ms, stream=0, record={"exc": ["spikes"]}, checkpoint=tmp_path / "kept")
    tensors = next((tmp_path / "kept").glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match="bytes instead of"):
        net.run(50 * ms, stream=0, record={"exc": ["spikes"]}, checkpoint=tmp_path / "kept")


def test_mistakes_are_named(full: Callable, tmp_path: Path) -> None:
    net = full()
    with pytest.raises(rv.network.GraphError, match="needs a folder"):
        net.run(1 * ms, stream=0, checkpoint_every=1 * ms)
    with pytest.raises(rv.errors.DimensionError, match="checkpoint_every"):
        net.run(1 * ms, stream=0, checkpoint=tmp_path / "a", checkpoint_every=1 * mV)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("precious")
    with pytest.raises(FileFormatError, match="exists already"):
        net.run(1 * ms, stream=0, to=tmp_path / "there")
    with pytest.raises(FileFormatError, match="other files"):
        net.run(1 * ms, stream=0, checkpoint=tmp_path / "there")
    (tmp_path / "file").write_text("x")
    with pytest.raises((RecordingError, FileFormatError)):
        net.run(1 * ms, stream=0, to=tmp_path / "file" / "out.zarr")


def test_a_checkpoint_of_another_step_length_is_refused(tmp_path: Path) -> None:
    def network(dt: float) -> rv.Network:
        net = rv.Network(dt=dt * ms)
        net.population("cells", 3, rv.CurrentLIF())
        return net

    network(0.1).run(10 * ms, stream=0, checkpoint=tmp_path / "kept")
    with pytest.raises(StateError, match=r"belongs to a run with dt=0\.1, now it is 0\.2"):
        network(0.2).run(10 * ms, stream=0, checkpoint=tmp_path / "kept")
