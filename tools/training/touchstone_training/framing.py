"""Where the faces are, found once and kept; and the serving crop around them."""

from random import Random

import numpy as np
from PIL import Image

from .data import Pictures
from .face_boxes import FaceFinder, default_model_path, js_round, longer_side
from .file_arrays import FileArrays, read_arrays, write_arrays

Faces = FileArrays
"""By file: score, box (4), six points (12); the score is -1 where no face was found."""

NO_FACE = np.full(17, -1.0)
TYPICAL_POINTS = np.array([[0.33, 0.38], [0.67, 0.38], [0.5, 0.58], [0.5, 0.75], [0.12, 0.45], [0.88, 0.45]])
"""Of a face that fills the picture, in shares of its size."""

SAVED_EVERY = 500
FINDER = "blazeface-back-256/2"
"""Names how the faces of a cache were found; another way makes it worthless."""


def find_all(pictures: Pictures, files: list[str], cache: str, threshold: float, log=print) -> Faces:
    """Faces of all `files`. What `cache` holds is not looked for again; it is saved every 500 files."""
    faces = read_arrays(cache, FINDER)
    missing = [file for file in files if file not in faces]
    finder = FaceFinder(default_model_path()) if missing else None
    for done, file in enumerate(missing, 1):
        face = finder.find(pictures(file), threshold)
        faces[file] = NO_FACE if face is None else np.r_[face.score, face.box, face.points.ravel()]
        if done % SAVED_EVERY == 0 or done == len(missing):
            write_arrays(cache, FINDER, faces)
            log(f"faces: {done} of {len(missing)}")
    return faces


def points_of(face: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The six points in px; where no face was found, those of a face that fills the picture."""
    return face[5:].reshape(6, 2) if face[0] >= 0 else TYPICAL_POINTS * np.array(size)


def draw_square(face: np.ndarray, size: tuple[int, int], geometry: dict, random: Random | None) -> tuple[int, int, int]:
    """Left, top and side of the crop in px. `random` stands for the box's own uncertainty; None is the serving crop."""
    if face[0] < 0:
        left, top, side = 0.0, 0.0, float(min(size))
    else:
        left, top, side = square_around(face[1:5], geometry["scale"], geometry["shift_up"])
    if random is not None:
        low, high = geometry["jitter_scale"]
        wanted = side * random.uniform(low, high)
        shift = geometry["jitter_shift"] * side
        left += (side - wanted) / 2 + random.uniform(-shift, shift)
        top += (side - wanted) / 2 + random.uniform(-shift, shift)
        side = wanted
    return js_round(left), js_round(top), max(8, js_round(side))


def draw_part(square: tuple[int, int, int], min_scale: float, random: Random) -> tuple[int, int, int]:
    """A square inside the given one, with a side of `min_scale` to 1 of its side."""
    left, top, side = square
    part = side * random.uniform(min_scale, 1)
    room = side - part
    return js_round(left + random.uniform(0, room)), js_round(top + random.uniform(0, room)), max(8, js_round(part))


def square_around(box: np.ndarray, scale: float, shift_up: float) -> tuple[float, float, float]:
    """Left, top and side of the crop that a manifest's `crop-face` step cuts around a box, before rounding."""
    side = max(1.0, longer_side(box) * scale)
    return (box[0] + box[2]) / 2 - side / 2, (box[1] + box[3]) / 2 - shift_up * side - side / 2, side


def cut_square(picture: Image.Image, left: int, top: int, side: int) -> Image.Image:
    """As the worker's `cropSquare`: where the square leaves the picture, the picture's edge is repeated."""
    pixels = np.asarray(picture)
    rows = np.arange(top, top + side).clip(0, pixels.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, pixels.shape[1] - 1)
    return Image.fromarray(pixels[rows][:, columns])


def serving_crop(picture: Image.Image, face: np.ndarray, geometry: dict, size: int) -> np.ndarray:
    """What the worker feeds the network, uint8 size x size x 3."""
    crop = cut_square(picture, *draw_square(face, picture.size, geometry, None))
    return np.asarray(crop.resize((size, size), Image.BILINEAR))


def is_scored(face: np.ndarray, geometry: dict) -> bool:
    """Does the worker score this face: is it sure of it, and is the face large enough?"""
    return face[0] >= geometry["threshold"] and longer_side(face[1:5]) >= geometry["min_side_px"]
