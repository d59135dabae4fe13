"""Sound files: plain WAV by Python's own reader, every other format by libsndfile in a separate process."""

from __future__ import annotations

import io
import wave
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ranvier.data._errors import DataError
from ranvier.data._places import optional
from ranvier.errors import FileFormatError, RanvierError
from ranvier.limits import content, guarded, need, plain_file

__all__ = ["Clips", "columns", "read_sound"]

#: numbers [samples, channels], and how many of a second
_Sound = tuple[np.ndarray, int]
#: samples of sound per byte, at most: silence in FLAC
_DENSEST = 4096
_LARGEST_CLIP = 1 << 28
#: bytes of sound that a WAV may promise; writers that do not know the end put more
_STREAM = 0x7FFFFF00
#: clips that are read together, and bytes of sound that are kept
_TOGETHER, _KEPT = 64, 1 << 28


def read_sound(path: Path, member: str | None = None, rate: int | None = None) -> torch.Tensor:
    """The mean of all channels [samples], float32 from -1 to 1, of a file or of a member of a zip archive.

    Raises
    ------
    FileFormatError
        Where the file is damaged, or has another number of samples a second than ``rate``.
    """
    where = str(path) if member is None else f"{path}: {member}"
    sound = _plain_wave(_whole(path, member))
    if sound is None:
        (sound,) = _apart(path, [member])
    return _mean(sound, where, rate)


class Clips:
    """The clips ``names`` of a zip archive by number; neighbours are read together, and the last ones read are kept.

    All have ``rate`` samples a second, where it is given.
    """

    def __init__(self, path: Path, names: Sequence[str], rate: int | None = None) -> None:
        self.path, self.names, self.rate = path, names, rate
        self._blocks: dict[int, list[torch.Tensor]] = {}

    def __call__(self, index: int) -> torch.Tensor:
        """Clip ``index`` [samples]."""
        block, place = divmod(index, _TOGETHER)
        found = self._blocks.pop(block, None)
        if found is None:
            try:
                found = self._read(block)
            except FileFormatError:
                return read_sound(
                    self.path, self.names[index], self.rate
                )  # another clip of the block may be the damaged one
        self._blocks[block] = found
        while len(self._blocks) > 1 and self._held() > _KEPT:
            del self._blocks[next(iter(self._blocks))]
        return found[place].clone()

    def _read(self, block: int) -> list[torch.Tensor]:
        names = self.names[block * _TOGETHER : (block + 1) * _TOGETHER]
        sounds = zip(names, _apart(self.path, names), strict=True)
        return [_mean(sound, f"{self.path}: {name}", self.rate) for name, sound in sounds]

    def _held(self) -> int:
        return sum(clip.nbytes for clips in self._blocks.values() for clip in clips)


def _mean(sound: _Sound, where: str, rate: int | None) -> torch.Tensor:
    samples, found = sound
    if rate not in (None, found):
        raise FileFormatError(f"{where} has {found:,} samples a second; give it with {rate:,}.")
    if not np.isfinite(samples).all():
        raise FileFormatError(f"{where} holds sound that is not finite: fetch it again.")
    return torch.from_numpy(samples.astype(np.float32).mean(1))


def _apart(path: Path, members: Sequence[str | None]) -> list[_Sound]:
    try:
        answer = guarded(f"{__name__}:columns", path, needs=["soundfile"], members=list(members))
    except ModuleNotFoundError as error:
        raise DataError(optional("soundfile", "reading sound files")) from error
    return [(answer.arrays[str(k)], int(answer.arrays["rates"][k])) for k in range(len(members))]


def columns(path: Path, members: Sequence[str | None]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """In the child process: the samples [samples, channels] of each member, by its place, and ``rates`` of all."""
    sounds = [_decoded(path, member) for member in members]
    rates = np.array([rate for _, rate in sounds], np.int64)
    return {"rates": rates, **{str(k): samples for k, (samples, _) in enumerate(sounds)}}, {}


def _decoded(path: Path, member: str | None) -> _Sound:
    """The sound, after a check of the header against the file."""
    import soundfile

    data, name = _whole(path, member), member or path.name
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.frames * file.channels > _DENSEST * len(data) or not file.channels:
                raise FileFormatError(f"{name} promises {file.frames:,} samples in {len(data):,} bytes")
            need(8 * file.frames * file.channels, f"reading {path}", "use a machine with more memory")
            return file.read(dtype="float32", always_2d=True), file.samplerate
    except (RuntimeError, TypeError, ValueError, OSError) as error:
        if isinstance(error, RanvierError):
            raise
        raise FileFormatError(f"{name} is not a sound file: {error}") from error


def _plain_wave(data: bytes) -> _Sound | None:
    """Whole numbers of 8, 16 or 32 bits as numbers from -1 to 1; None for any other content."""
    if data[:4] != b"RIFF":
        return None
    try:
        with wave.open(io.BytesIO(data)) as file:
            count, channels, width = file.getnframes(), file.getnchannels(), file.getsampwidth()
            rate = file.getframerate()
            if width not in (1, 2, 4) or count * channels * width > len(data):
                return None
            found = np.frombuffer(file.readframes(count), f"<{'u' if width == 1 else 'i'}{width}")
    except (
        wave.Error,
        EOFError,
        RuntimeError,
        ValueError,
        OverflowError,
    ):  # RuntimeError: a chunk ends outside the file
        return None
    if found.size != count * channels:
        return None
    half = 2.0 ** (8 * width - 1)
    return ((found.astype(np.float64) - (half if width == 1 else 0)) / half).reshape(count, channels), rate


def _whole(path: Path, member: str | None) -> bytes:
    """The content; a WAV that was cut off is refused, which libsndfile reads as far as it goes."""
    data = _content(path, member)
    place = 12 if data[:4] == b"RIFF" else len(data)
    while place + 8 <= len(data):
        promised = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8
        if data[place - 8 : place - 4] != b"data":
            place += promised + promised % 2
        elif len(data) - place < promised < _STREAM:
            name = member or path
            raise FileFormatError(
                f"{name} promises {promised:,} bytes of sound and holds {len(data) - place:,}: fetch it again."
            )
        else:
            break
    return data


def _content(path: Path, member: str | None) -> bytes:
    plain_file(path)
    if member is None:
        return content(path)
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(member).file_size
            if size > _LARGEST_CLIP:
                raise FileFormatError(f"{path}: {member} has {size:,} bytes, more than any clip: fetch the set again.")
            with archive.open(member) as file:
                return file.read(size)  # all of it would take as much memory as the packed size claims
    except (
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        NotImplementedError,
    ) as error:
        if isinstance(error, RanvierError):
            raise
        raise FileFormatError(f"{path}: {member} cannot be read ({error}): fetch the set again.") from error
