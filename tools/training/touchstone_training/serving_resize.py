"""What the face detector sees in the service: sharp's resize with the kernel `linear`, to the byte.

BlazeFace answers a picture that was resampled another way with a box that lies 3 px off in the median and 30 px at
worst (200 crops of 224 px), so training repeats the arithmetic of libvips: shrinking by a triangle filter in fixed
point at 1/64 px, axis by axis; enlarging bilinearly with a sampling grid half a target pixel from the usual one.
"""

import math

import numpy as np

PHASES = 64
"""Positions between two source pixels that the shrinking filter knows."""

BITS = 12
ONE = 1 << BITS
BOX_GAP = 2
"""A shrink by k x this and more begins with a plain mean over k pixels."""


def resize_as_served(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8 H x W x 3 -> uint8 height x width x 3. Both axes shrink, or both grow."""
    if height < pixels.shape[0]:
        pixels = _shrink_rows(pixels, height)
    if width < pixels.shape[1]:
        pixels = _shrink_rows(pixels.transpose(1, 0, 2), width).transpose(1, 0, 2)
    if (height, width) != pixels.shape[:2]:
        pixels = _enlarge(pixels, width, height)
    return pixels


def _shrink_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """`count` rows out of more; each is a sum of rows whose weights, as truncated, add up to a little less than one."""
    shrink = len(rows) / count
    box = max(1, math.floor(shrink / BOX_GAP))
    if box > 1:
        rows, shrink = _mean_of_rows(rows, box), shrink / box
        if shrink == 1:
            return rows
    points = 2 * round(shrink) + 1
    positions = np.cumsum(np.r_[0.5 * shrink, np.full(count - 1, shrink)])
    phases = ((positions * PHASES * 2).astype(int) % (2 * PHASES) + 1) >> 1
    taps = np.arange(points)
    weights = np.maximum(0, 1 - np.abs(taps - (phases[:, None] / PHASES + points / 2 - 1)) / shrink)
    weights = (weights / weights.sum(1, keepdims=True) * ONE).astype(np.int32)
    sources = (positions.astype(int)[:, None] + taps - (math.ceil(points / 2) - 1)).clip(0, len(rows) - 1)
    wide = rows.astype(np.int32)
    total = np.full((count, *rows.shape[1:]), ONE >> 1, np.int32)
    for tap in taps:
        total += weights[:, tap, None, None] * wide[sources[:, tap]]
    return (total >> BITS).astype(np.uint8)


def _mean_of_rows(rows: np.ndarray, box: int) -> np.ndarray:
    """Means over `box` rows; the last row is repeated where they do not come out even."""
    padded = np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % box, 0)])
    sums = padded.reshape(-1, box, *rows.shape[1:]).sum(1, dtype=np.int64)
    # A truncated reciprocal in place of a division: for 3 it is a little less, and an exact third is rounded down.
    return ((sums + box // 2) * ((1 << 24) // box) >> 24).astype(np.uint8)


def _enlarge(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    rows = np.arange(height) * (pixels.shape[0] / height) - 0.5
    # Within a row libvips adds up the step, between rows it multiplies: it shows where a position is a whole phase.
    columns = np.cumsum(np.r_[-0.5, np.full(width - 1, pixels.shape[1] / width)])
    top, bottom, down = _neighbours(rows, pixels.shape[0])
    left, right, across = _neighbours(columns, pixels.shape[1])
    down, across = down[:, None, None], across[None, :, None]
    bottom_right = (down * across) >> BITS
    top_right = ((ONE - down) * across) >> BITS
    upper, lower = pixels[top].astype(np.int32), pixels[bottom].astype(np.int32)
    total = (ONE - down - top_right) * upper[:, left] + top_right * upper[:, right]
    total += (down - bottom_right) * lower[:, left] + bottom_right * lower[:, right]
    return ((total + (ONE >> 1)) >> BITS).astype(np.uint8)


def _neighbours(positions: np.ndarray, length: int):
    """Pixels before and after each position, and how far it lies between them in units of 1 / ONE."""
    before = np.floor(positions).astype(int)
    share = ((positions - before) * ONE).astype(np.int32)
    return before.clip(0, length - 1), (before + 1).clip(0, length - 1), share
