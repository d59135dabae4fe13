"""Sound files are read as libsndfile reads them, in a separate process where the format is not plain WAV."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier import data
from ranvier.data.formats.sound_file import read_sound
from ranvier.errors import FileFormatError

SOUND = np.random.default_rng(0).uniform(-0.9, 0.9, (500, 2))


def recorded(folder: Path, **how: str) -> torch.Tensor:
    """What a data set of recordings gives for a file."""
    soundfile = pytest.importorskip("soundfile")
    (folder / "fsdd" / "recordings").mkdir(parents=True)
    for k, speaker in enumerate(("ann", "ben", "cyd", "dee")):
        soundfile.write(folder / "fsdd" / "recordings" / f"{k}_{speaker}_0.wav", SOUND, 8000, **how)
    return data.load("fsdd", folder=folder).train[0][0]


@pytest.mark.parametrize(
    ("form", "kind"),
    [("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")],
)
def test_samples_are_those_of_libsndfile(form: str, kind: str, tmp_path: Path) -> None:
    found = recorded(tmp_path, format=form, subtype=kind)
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "fsdd" / "recordings" / "0_ann_0.wav"
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(1)
    assert torch.equal(found, torch.from_numpy(expected))


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_sound_of_another_rate_is_refused(form: str, tmp_path: Path) -> None:
    """At 16,000 samples a second a voice would be heard at half its pitch."""
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a", SOUND, 16000, format=form)
    assert len(read_sound(tmp_path / "a", rate=16000)) == len(read_sound(tmp_path / "a")) == len(SOUND)
    with pytest.raises(FileFormatError, match=r"has 16,000 samples a second; give it with 8,000"):
        read_sound(tmp_path / "a", rate=8000)


@pytest.mark.parametrize("kind", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_file_that_was_cut_off_is_named(kind: str, tmp_path: Path) -> None:
    """libsndfile would read what is left of it."""
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", SOUND, 8000, subtype=kind)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:-100])
    with pytest.raises(FileFormatError, match=r"a\.wav promises .* bytes of sound and holds"):
        read_sound(tmp_path / "a.wav")
    streamed = (
        content.replace(b"data" + (len(SOUND) * 2 * int(kind[-2:]) // 8).to_bytes(4, "little"), b"data" + b"\xff" * 4)
        if kind != "FLOAT"
        else content
    )
    (tmp_path / "a.wav").write_bytes(streamed)
    assert len(read_sound(tmp_path / "a.wav")) == len(SOUND)


def test_a_chunk_that_ends_outside_the_file_is_named(tmp_path: Path) -> None:
    recorded(tmp_path, format="WAV", subtype="PCM_16")
    path = tmp_path / "fsdd" / "recordings" / "0_ann_0.wav"
    content = bytearray(path.read_bytes())
    content[16:20] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="0_ann_0"):
        _ = data.load("fsdd", folder=tmp_path).train[0][0]


def test_libsndfile_runs_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile = pytest.importorskip("soundfile")
    recorded(tmp_path, format="FLAC")
    monkeypatch.setattr(soundfile, "SoundFile", None)
    assert len(data.load("fsdd", folder=tmp_path).train[0][0]) == len(SOUND)


def test_a_damaged_clip_bars_no_other(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "speech_commands").mkdir()
    with zipfile.ZipFile(tmp_path / "speech_commands" / "clips.zip", "w") as archive:
        for k in range(6):
            sound = io.BytesIO()
            soundfile.write(sound, np.full(100 + k, k / 8), 16000, format="FLAC")
            archive.writestr(f"yes/{k}_nohash_0.flac", b"nothing" if k == 3 else sound.getvalue())
    sets = data.load("speech_commands", folder=tmp_path, verify=False)
    found, refused = {}, []
    for part in (sets.train, sets.valid, sets.test):
        for i in range(len(part)):
            try:
                clip = part[i][0]
                found[len(clip)] = clip.clone()
                clip.zero_()  # a caller owns what it got
                assert torch.equal(part[i][0], found[len(clip)])
            except FileFormatError as error:
                refused.append(str(error))
    assert all(torch.equal(clip, torch.full((n,), (n - 100) / 8)) for n, clip in found.items())
    assert sorted(found) == [100, 101, 102, 104, 105]
    assert len(refused) == 1
    assert "3_nohash_0.flac is not a sound file" in refused[0]
