"""Files of spoken words, damaged: spikes in HDF5, sounds in WAV, FLAC and archives of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from ranvier import data
from tests.data.test_large_sets import write_spoken
from tests.fuzz.engine import LONG, Target, withstands
from tests.fuzz.isolated import isolated

_SOUND = np.sin(np.arange(200) / 3)
_CLIPS = [f"fsdd/recordings/{digit}_{who}_0.wav" for digit in range(2) for who in "abc"]


def _sound(form: str, channels: int = 1, rate: int = 8000) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    out = io.BytesIO()
    soundfile.write(out, np.repeat(_SOUND[:, None], channels, 1), rate, format=form)
    return out.getvalue()


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for word in ("yes", "no"):
            for who in "abc":
                archive.writestr(f"{word}/{who}_nohash_0.flac", _sound("FLAC", rate=16000))
    return out.getvalue()


def _table() -> bytes:
    out, audio = io.BytesIO(), (_SOUND * 9000).astype(np.int16)
    label, speaker = np.arange(8) % 10, np.arange(8) % 4
    speakers, offsets = np.array(list("abcd")), 25 * np.arange(9)
    np.savez(out, audio=audio, offsets=offsets, label=label, speaker=speaker, speakers=speakers)
    return out.getvalue()


def _spikes(folder: Path) -> Target:
    pytest.importorskip("h5py")
    write_spoken(folder / "SHD" / "shd_train.h5", 12)
    write_spoken(folder / "SHD" / "shd_test.h5", 3)
    kept = {name: (folder / "SHD" / name).read_bytes() for name in ("shd_train.h5", "shd_test.h5")}
    place = _placed("SHD/shd_train.h5", {"SHD/shd_test.h5": kept["shd_test.h5"]})
    return Target("shd", [kept["shd_train.h5"]], place, _reader("shd"))


def _placed(name: str, others: dict[str, bytes]) -> Callable[[Path, bytes], Path]:
    def place(folder: Path, payload: bytes) -> Path:
        for inside, content in {**others, name: payload}.items():
            path = folder / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    return place


def _reader(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        sets = data.load(name, folder=folder, verify=False)
        for part in (sets.train, sets.valid, sets.test):
            for k in range(min(len(part), 8)):
                part[k]

    return read


def _sounds(name: str, samples: Sequence[bytes]) -> Target:
    others = dict.fromkeys(_CLIPS, samples[0])
    return Target(name, samples, _placed(_CLIPS[0], others), _reader("fsdd"))


def _target(name: str, folder: Path) -> Target:
    if name == "shd":
        return _spikes(folder)
    if name == "wav":
        return _sounds("wav", [_sound("WAV"), _sound("WAV", 2), _sound("AIFF"), _sound("AU")])
    if name == "flac":
        return _sounds("flac", [_sound("FLAC"), _sound("OGG")])
    if name == "clips":
        return Target("clips", [_archive()], _placed("speech_commands/clips.zip", {}), _reader("speech_commands"))
    return Target("fsdd", [_table()], _placed("fsdd/fsdd.npz", {}), _reader("fsdd"))


NAMES = ("shd", "wav", "flac", "clips", "fsdd")


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_of_spoken_words(name: str, tmp_path: Path) -> None:
    withstands(_target(name, tmp_path), 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_of_spoken_words_at_length(name: str, tmp_path: Path) -> None:
    target = _target(name, tmp_path)
    with isolated(target) if name == "shd" else nullcontext(target) as given:
        withstands(given, LONG)
