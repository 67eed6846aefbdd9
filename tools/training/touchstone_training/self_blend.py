"""Fakes made of real faces: the published idea of self-blended images (arXiv 2204.08376), written from its description.

Two copies of a face differ in their statistics and slightly in geometry; the inner part of one is blended into the
other along a soft mask. What remains to be learned is the seam. A variant takes the inner part from another person in
a similar pose. Masks follow the six points of the face detector: a hull from ear to ear over brows and chin, in place
of a mesh.
"""

import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .degradations import jpeg

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)


def hull_outline(points: np.ndarray) -> np.ndarray:
    """Twelve points around the face, clockwise from the subject's right ear, from the detector's six."""
    right_eye, left_eye, _, mouth, right_ear, left_ear = points
    eyes = (right_eye + left_eye) / 2
    down = mouth - eyes
    across = left_eye - right_eye
    return np.stack(
        [
            right_ear,
            right_eye - 0.45 * across - 0.28 * down,
            right_eye - 0.05 * across - 0.52 * down,
            left_eye + 0.05 * across - 0.52 * down,
            left_eye + 0.45 * across - 0.28 * down,
            left_ear,
            left_ear + 0.55 * down,
            mouth + 0.62 * across + 0.25 * down,
            mouth + 0.25 * across + 0.62 * down,
            mouth - 0.25 * across + 0.62 * down,
            mouth - 0.62 * across + 0.25 * down,
            right_ear + 0.55 * down,
        ]
    )


def _part_outline(points: np.ndarray, random: Random) -> np.ndarray:
    """The whole face, or its lower part, its eyes, its mouth."""
    outline = hull_outline(points)
    eyes, mouth = (points[RIGHT_EYE] + points[LEFT_EYE]) / 2, points[MOUTH]
    down, across = mouth - eyes, points[LEFT_EYE] - points[RIGHT_EYE]
    kind = random.random()
    if kind < 0.66:
        return outline
    if kind < 0.78:
        upper = np.stack([outline[0], points[RIGHT_EYE] + 0.3 * down, points[LEFT_EYE] + 0.3 * down, outline[5]])
        return np.concatenate([upper, outline[6:]])
    if kind < 0.9:
        return np.concatenate([outline[:6], (points[NOSE] + 0.25 * down)[None]])
    turn = np.linspace(0, 2 * math.pi, 10, endpoint=False)[:, None]
    return mouth + 0.05 * down + np.cos(turn) * across * 0.62 + np.sin(turn) * down * 0.5


def soft_mask(points: np.ndarray, size: tuple[int, int], random: Random) -> np.ndarray:
    """0 to 1, H x W. Drawn at a quarter of the size; moved, bent, blurred, eroded and blurred again at random."""
    width, height = size
    outline = _part_outline(points, random)
    centre = outline.mean(0)
    reach = float(np.abs(outline - centre).max())
    grow = random.uniform(0.78, 1.1)
    wobble = np.array([[random.gauss(0, 0.06), random.gauss(0, 0.06)] for _ in outline]) * reach
    outline = (centre + (outline - centre) * grow + wobble) / 4
    small = Image.new("L", (max(8, width // 4), max(8, height // 4)), 0)
    ImageDraw.Draw(small).polygon([tuple(p) for p in outline], fill=255)
    blur = reach / 4 * random.uniform(0.04, 0.3)
    mask = np.asarray(small.filter(ImageFilter.GaussianBlur(blur)), np.float32)
    if random.random() < 0.6:
        low = random.uniform(40, 150)
        mask = ((mask - low) * (255 / (255 - low))).clip(0, 255)
        mask = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.GaussianBlur(random.uniform(0.4, 3)))
        mask = np.asarray(mask, np.float32)
    whole = Image.fromarray((mask / max(mask.max(), 1) * 255).astype(np.uint8)).resize(size, Image.BICUBIC)
    return np.asarray(whole, np.float32) * (random.choice((0.4, 0.65, 0.85, 1, 1, 1)) / 255)


def _soften_or_sharpen(picture: Image.Image, random: Random) -> Image.Image:
    kind = random.random()
    width, height = picture.size
    if kind < 0.45:
        factor = random.uniform(1.3, 3.5)
        small = (max(8, int(width / factor)), max(8, int(height / factor)))
        down = random.choice((Image.NEAREST, Image.BILINEAR, Image.BILINEAR, Image.BICUBIC))
        return picture.resize(small, down).resize((width, height), random.choice((Image.BILINEAR, Image.BICUBIC)))
    if kind < 0.7:
        return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.6)))
    if kind < 0.9:
        return picture.filter(ImageFilter.UnsharpMask(radius=2, percent=random.randint(60, 200), threshold=0))
    return jpeg(picture, random.randint(30, 80))


def _shift_colours(values: np.ndarray, random: Random) -> np.ndarray:
    amount = 1.0 if random.random() < 0.7 else 0.35
    if random.random() < 0.4:
        values = values + np.array([random.uniform(-14, 14) * amount for _ in range(3)], np.float32)
    gain = np.float32(1 + random.uniform(-0.14, 0.14) * amount)
    return (values - 128) * gain + np.float32(128 + random.uniform(-14, 14) * amount)


def _move(picture: Image.Image, random: Random) -> Image.Image:
    width, height = picture.size
    zoom, angle = random.uniform(0.94, 1.06), random.uniform(-0.05, 0.05)
    shift_x, shift_y = random.uniform(-0.03, 0.03) * width, random.uniform(-0.02, 0.02) * height
    cos, sin = math.cos(angle) / zoom, math.sin(angle) / zoom
    x, y = width / 2, height / 2
    coefficients = (cos, sin, x + shift_x - cos * x - sin * y, -sin, cos, y + shift_y + sin * x - cos * y)
    return picture.transform(picture.size, Image.AFFINE, coefficients, random.choice((Image.BILINEAR, Image.BICUBIC)))


def _blend(inner: Image.Image, outer: Image.Image, mask: np.ndarray, random: Random, match: bool):
    inner_values, outer_values = np.asarray(inner, np.float32), np.asarray(outer, np.float32)
    weights = mask[..., None]
    if match:
        inside = mask > 0.3 * max(mask.max(), 1e-3)
        if inside.sum() > 50:
            a, b = inner_values[inside], outer_values[inside]
            inner_values = (inner_values - a.mean(0)) * ((b.std(0) + 4) / (a.std(0) + 4)) + b.mean(0)
    if match or random.random() < 0.7:
        inner_values = _shift_colours(inner_values, random)
    else:
        outer_values = _shift_colours(outer_values, random)
    fake = weights * inner_values + (1 - weights) * outer_values
    return tuple(Image.fromarray(v.clip(0, 255).astype(np.uint8)) for v in (outer_values, fake))


def self_blend(picture: Image.Image, points: np.ndarray, random: Random) -> tuple[Image.Image, Image.Image]:
    """A real picture and its fake; the real one shares the change of statistics of the outer copy."""
    inner = outer = picture
    if random.random() < 0.8:
        if random.random() < 0.6:
            inner = _soften_or_sharpen(inner, random)
        else:
            outer = _soften_or_sharpen(outer, random)
    mask = soft_mask(points, picture.size, random)
    return _blend(_move(inner, random), outer, mask, random, match=False)


def similarity(points: np.ndarray, onto: np.ndarray) -> tuple[np.ndarray, float]:
    """Affine coefficients (as `Image.transform` wants them) that map pixels of `onto` to `points`, and the misfit.

    Uses eyes, nose and mouth. The misfit is the mean distance in units of the distance between eyes and mouth.
    """
    a, b = points[:4], onto[:4]
    ca, cb = a.mean(0), b.mean(0)
    za, zb = (a - ca) @ [1, 1j], (b - cb) @ [1, 1j]
    turn = (np.conj(zb) * za).sum() / (abs(zb) ** 2).sum()
    misfit = abs(turn * zb - za).mean() / max(abs(za).max(), 1e-6)
    re, im = turn.real, turn.imag
    offset = ca - np.array([re * cb[0] - im * cb[1], im * cb[0] + re * cb[1]])
    return np.array([re, -im, offset[0], im, re, offset[1]]), float(misfit)


def cross_blend(picture, points, other, other_points, random: Random) -> tuple[Image.Image, Image.Image]:
    """The inner face of another person, laid onto this one, its colours matched: (real, fake)."""
    coefficients, _ = similarity(other_points, points)
    inner = other.transform(picture.size, Image.AFFINE, tuple(coefficients), Image.BICUBIC)
    if random.random() < 0.5:
        inner = _soften_or_sharpen(inner, random)
    mask = soft_mask(points, picture.size, random)
    return _blend(inner, picture, mask, random, match=True)
