"""How the worker prepares each detector's pictures: the manifest's fields, and the pictures of the parity test."""

from random import Random

import numpy as np

from .data import FACES, Item, Pictures, read_items
from .framing import find_all, is_scored, serving_crop
from .image_views import COLLECTIONS, crop

PARITY_CASES = 24

ParityCase = tuple[str, np.ndarray]
"""A picture's file, relative to the data folder, and what the network gets of it: uint8 S x S x 3."""


def describe(config: dict) -> dict:
    """The manifest's fields that say what the detector is and how its pictures are prepared."""
    size = config["size"]
    if "geometry" not in config:
        steps = [{"op": "centre-crop", "size": size, "enlarge": "pil-bilinear-u8"}]
        scope = "whole-image"
    else:
        crop_face = {key: config["geometry"][key] for key in ("threshold", "scale", "shift_up", "min_side_px")}
        steps = [
            {"op": "crop-face", "face_detector": "blazeface-back-256", **crop_face, "max_faces": 16},
            {"op": "resize", "algorithm": "pil-bilinear-u8", "width": size, "height": size},
        ]
        scope = "face-forgery"
    return {**config["bundle"], "scope": scope, "decode": {"orientation": "apply"}, "preparation": steps}


def parity_cases(config: dict, data: str, faces_cache: str) -> list[ParityCase]:
    """Validation pictures of every collection, as the worker would hand them to the network."""
    return _face_cases(config, data, faces_cache) if "geometry" in config else _image_cases(config, data)


def _face_cases(config: dict, data: str, cache: str) -> list[ParityCase]:
    """Pictures that show a face the worker scores."""
    geometry, pictures = config["geometry"], Pictures(data)
    cases: list[ParityCase] = []
    for folder in FACES:
        files = _draw(read_items(data, folder, "val"), PARITY_CASES // 2)
        faces = find_all(pictures, files, cache, geometry["threshold"])
        scored = [file for file in files if is_scored(faces[file], geometry)][: PARITY_CASES // len(FACES)]
        cases += [(file, serving_crop(pictures(file), faces[file], geometry, config["size"])) for file in scored]
    return cases


def _image_cases(config: dict, data: str) -> list[ParityCase]:
    pictures, size = Pictures(data), config["size"]
    files = [
        file
        for folder in COLLECTIONS
        for file in _draw(read_items(data, folder, "val"), PARITY_CASES // len(COLLECTIONS))
    ]
    return [(file, np.asarray(crop(pictures(file), size, None))) for file in files]


def _draw(items: list[Item], count: int) -> list[str]:
    """Always the same ones; of all labels and families."""
    files = sorted(item.file for item in items)
    return Random(0).sample(files, min(count, len(files)))
