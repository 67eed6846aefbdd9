"""Pictures that are judged as a whole, and how they are shown to the network: never resized to fit."""

from random import Random

from PIL import Image

from .data import Item, read_items
from .degradations import degrade, draw_degradation, rescale

COLLECTIONS = ("images", "images-extra", "faces/stylegan", "faces/real-extra", "faces/dfdc")
"""Whole pictures, and portraits so that a face alone says nothing about its origin."""


def image_items(data: str, portraits: int, groups: int | None = None) -> list[Item]:
    """At most `portraits` of each collection of faces; of face swaps only the originals: the rest of a swap is real."""
    items = []
    for folder in COLLECTIONS:
        most = groups if groups is not None or not folder.startswith("faces/") else portraits
        items += read_items(data, folder, groups=most)
    return [item for item in items if item.family != "dfdc-fake"]


def collection_of(item: Item) -> str:
    parts = item.file.split("/")
    return "/".join(parts[:2] if parts[0] == "faces" else parts[:1])


def crop(picture: Image.Image, size: int, random: Random | None) -> Image.Image:
    """At a random place, or in the centre as served; a smaller picture is enlarged first, as the worker does."""
    if min(picture.size) < size:
        picture = rescale(picture, size / min(picture.size), Image.BILINEAR)
    width, height = picture.size
    if random is None:
        left, top = (width - size) // 2, (height - size) // 2
    else:
        left, top = random.randint(0, width - size), random.randint(0, height - size)
    return picture.crop((left, top, left + size, top + size))


def show(picture: Image.Image, name: str, view: int, config: dict) -> Image.Image:
    """View 0 is the served one; the others are cropped and degraded by a draw that knows no label.

    A crop before the re-encoding keeps its 8 x 8 grid in step with the network's; one after it does not.
    """
    size = config["size"]
    if view == 0:
        return crop(picture, size, None)
    random = Random(f"{config['seed']}/{name}/{view}")
    drawn = draw_degradation(random, config["degradation"])
    if random.random() < 0.5:
        return degrade(crop(picture, size, random), drawn)
    return crop(degrade(picture, drawn), size, random)
