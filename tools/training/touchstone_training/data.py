"""The data folders: manifests, encoded pictures in memory, groups that never part, near copies.

Layout: a folder per collection with `manifest.csv` (`file`, `label`, `split`, and `original`, `family`, `source` where
the collection has them). Nothing is written there.
"""

import csv
import hashlib
import io
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

FACES = ("faces/dfdc", "faces/stylegan", "faces/real-extra")
"""Collections of pictures of one face each."""

WHOLE_IMAGES = ("images", "images-extra")
"""Collections of whole pictures; some of them show faces."""


@dataclass(frozen=True)
class Item:
    """One picture. `file` is relative to the data folder; `group` never parts between training and test."""

    file: str
    label: int
    split: str
    family: str
    group: str


def default_data_folder() -> str:
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
    shared = os.environ.get("TOUCHSTONE_SHARED", os.path.join(root, "../shared"))
    return os.environ.get("TRAINING_DATA", os.path.join(shared, "data"))


def read_items(data: str, folder: str, split: str | None = None, groups: int | None = None) -> list[Item]:
    """Rows of a collection, or those of a fixed draw of `groups` groups; empty where the collection is absent."""
    path = os.path.join(data, folder, "manifest.csv")
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    items = [
        Item(
            file=f"{folder}/{row['file']}",
            label=int(row["label"] == "fake"),
            split=row["split"],
            family=row.get("family") or f"{os.path.basename(folder)}-{row['label']}",
            group=row.get("original") or _picture(row.get("source", "")) or row["file"],
        )
        for row in rows
        if split is None or row["split"] == split
    ]
    return items if groups is None else _draw_groups(items, groups)


def _draw_groups(items: list[Item], count: int) -> list[Item]:
    """By a hash of the name: the draw does not depend on the order of the rows and mixes the labels."""
    names = sorted({item.group for item in items}, key=lambda name: hashlib.sha256(name.encode()).digest())
    drawn = set(names[:count])
    return [item for item in items if item.group in drawn]


def _picture(source: str) -> str:
    """The upstream picture: a tile's source is the mosaic, `#` and the picture's name."""
    return source.split("#")[-1]


class Pictures:
    """Encoded bytes in memory, decoded when asked for: 20,000 crops are 100 MB so, and 3 GB decoded."""

    def __init__(self, data: str):
        self._data, self._bytes = data, {}

    def load(self, files) -> None:
        for file in files:
            if file not in self._bytes:
                with open(os.path.join(self._data, file), "rb") as opened:
                    self._bytes[file] = opened.read()

    def __call__(self, file: str) -> Image.Image:
        if file not in self._bytes:
            self.load([file])
        return Image.open(io.BytesIO(self._bytes[file])).convert("RGB")


def difference_hash(picture: Image.Image) -> np.ndarray:
    """256 bits: is a cell of a 16 x 16 grid brighter than its left neighbour?"""
    small = np.asarray(picture.convert("L").resize((17, 16), Image.BILINEAR), np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1])


def near_copies(hashes: np.ndarray, others: np.ndarray, max_distance: int = 24) -> np.ndarray:
    """For each of `hashes`: is one of `others` closer than `max_distance` of 256 bits?"""
    table = np.array([bin(i).count("1") for i in range(256)], np.uint16)
    near = np.zeros(len(hashes), bool)
    for start in range(0, len(hashes), 500):
        differing = table[hashes[start : start + 500, None] ^ others[None]].sum(2)
        near[start : start + 500] = differing.min(1) <= max_distance
    return near
