"""Sound files are read as libsndfile reads them, in a separate process where the format is not plain WAV."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.data._formats._sound_file import Clips, read_sound
from ranvier.errors import FileFormatError

SOUND = np.random.default_rng(0).uniform(-0.9, 0.9, (500, 2))


@pytest.mark.parametrize(
    "name", ["PCM_U8.wav", "PCM_16.wav", "PCM_24.wav", "PCM_32.wav", "FLOAT.wav", "PCM_16.flac", "PCM_16.aiff"]
)
def test_samples_are_those_of_libsndfile(name: str, tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / name
    soundfile.write(path, SOUND, 8000, subtype=path.stem)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1)
    assert torch.equal(read_sound(path), torch.from_numpy(expected))


def test_libsndfile_runs_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", SOUND, 8000)
    monkeypatch.setattr(soundfile, "SoundFile", None)
    assert len(read_sound(tmp_path / "a.flac")) == len(SOUND)


def test_a_damaged_clip_bars_no_other(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    names = [f"{k}.flac" for k in range(5)]
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        for k, name in enumerate(names):
            sound = io.BytesIO()
            soundfile.write(sound, np.full(100 + k, k / 8), 8000, format="FLAC")
            archive.writestr(name, b"nothing" if k == 3 else sound.getvalue())
    clips = Clips(tmp_path / "clips.zip", names)
    for k in (0, 4, 1, 0):
        assert torch.equal(clips(k), torch.full((100 + k,), k / 8))
    with pytest.raises(FileFormatError, match=r"3\.flac is not a sound file"):
        clips(3)
    whole = Clips(tmp_path / "clips.zip", names[:3])
    first = whole(2)
    first.zero_()
    assert torch.equal(whole(2), torch.full((102,), 0.25))
