"""Images in IDX files and those of scikit-learn: float32 [H, W] from 0 to 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ranvier.data._card import Card
from ranvier.data._errors import DataError
from ranvier.data._idx import read_idx
from ranvier.data._places import optional
from ranvier.data._samples import Samples, Splits
from ranvier.data.division import divide
from ranvier.data.request import Request
from ranvier.errors import FileFormatError

__all__ = ["digits", "fashion_mnist", "mnist", "mnist_t10k"]

_TEN = tuple("0123456789")
_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
_TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
_TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")

_FASHION = Card(
    "fashion_mnist", "70,000 grey images of clothes, 28 x 28", "MIT",
    "Xiao, Rasul & Vollgraf, arXiv:1708.07747 (2017)", "the Debian package dataset-fashion-mnist, or github.com/zalandoresearch/fashion-mnist",
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    "the set's own test images; 5,000 of its training images, 500 of each class, for validation",
)  # fmt: skip
_FASHION_PINS = {
    _TRAIN[0]: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    _TRAIN[1]: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    _TEST[0]: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    _TEST[1]: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_MNIST = Card(
    "mnist", "70,000 handwritten digits, 28 x 28", "none stated by its authors; commonly given as CC BY-SA 3.0",
    "LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE 86, 2278 (1998)", "the MNIST database (four IDX files)", _TEN,
    "the set's own test images; a twelfth of each class of its training images, about 5,000, for validation",
)  # fmt: skip
_T10K_PINS = {
    _TEST[0]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    _TEST[1]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_MNIST_PINS = {
    _TRAIN[0]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    _TRAIN[1]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    **_T10K_PINS,
}
_T10K = replace(
    _MNIST, name="mnist_t10k", title="the 10,000 test images of MNIST alone", split="60/20/20 within each class"
)  # fmt: skip
_DIGITS = Card(
    "digits", "1,797 handwritten digits, 8 x 8", "CC BY 4.0", "Alpaydin & Kaynak, UCI Machine Learning Repository, doi:10.24432/C50P49 (1998)",
    "the package scikit-learn", _TEN, "60/20/20 within each class",
)  # fmt: skip


def fashion_mnist(request: Request) -> Splits:
    """Fashion-MNIST: from ``fashion_mnist`` below a root, or Debian's folder."""
    return _from_four(_FASHION, _FASHION_PINS, request, _DEBIAN)


def mnist(request: Request) -> Splits:
    """MNIST, all four files."""
    return _from_four(_MNIST, _MNIST_PINS, request)


def mnist_t10k(request: Request) -> Splits:
    """The test half of MNIST, divided anew."""
    images, labels = (read_idx(path) for path in request.files(_T10K, _T10K_PINS))
    return _divided(_T10K, images / np.float32(255), labels)


def digits(request: Request) -> Splits:
    """The digits that scikit-learn ships."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise DataError(optional("scikit-learn", "digits")) from error
    pixels, target = load_digits(return_X_y=True)
    return _divided(_DIGITS, np.asarray(pixels).reshape(-1, 8, 8) / 16, np.asarray(target))


def _checked(card: Card, images: np.ndarray, labels: np.ndarray) -> None:
    """As many labels as images, each the number of a class."""
    if images.ndim != 3 or labels.shape != images.shape[:1] or (labels >= len(card.classes)).any():
        raise FileFormatError(
            f"{card.name}: images {images.shape} and labels {labels.shape} up to {labels.max(initial=0)} do not belong together; "
            f"expected [S, H, W] and [S] of {len(card.classes)} classes. Get the files again from {card.source}."
        )


def _divided(card: Card, images: np.ndarray, labels: np.ndarray) -> Splits:
    _checked(card, images, labels)
    train, valid, test = divide(labels, (0.6, 0.2), card.name)
    every = _samples(images, labels)
    return Splits(every.take(train), every.take(valid), every.take(test), card)


def _from_four(card: Card, pins: dict[str, str], request: Request, *also: Path) -> Splits:
    images, labels, test_images, test_labels = (read_idx(path) for path in request.files(card, pins, *also))
    for pair in ((images, labels), (test_images, test_labels)):
        _checked(card, *pair)
    valid, train = divide(labels, (1 / 12,), card.name)
    learn = _samples(images, labels)
    return Splits(learn.take(train), learn.take(valid), _samples(test_images, test_labels), card)


def _samples(images: np.ndarray, labels: np.ndarray) -> Samples:
    scale = 255 if images.dtype == np.uint8 else 1
    get = lambda i: torch.from_numpy(images[i].astype(np.float32) / scale)  # noqa: E731
    return Samples(get, np.arange(len(images)), labels.astype(np.int64))
