"""Two faces of one kind in one picture: a few hundred faces learnt by heart are of no use on such pictures."""

import math
from random import Random

import numpy as np
from PIL import Image


def mix(first: Image.Image, second: Image.Image, random: Random) -> Image.Image:
    """Both as transparencies, or one on each side of a straight cut. What is drawn does not depend on the pictures."""
    second = second.resize(first.size, Image.BILINEAR)
    if random.random() < 0.5:
        return Image.blend(first, second, random.uniform(0.25, 0.5))
    return Image.composite(second, first, _half_plane(first.size, random))


def _half_plane(size: tuple[int, int], random: Random) -> Image.Image:
    """White on one side of a line through the middle half of the picture, in any direction."""
    angle = random.uniform(0, 2 * math.pi)
    x, y = random.uniform(0.25, 0.75), random.uniform(0.25, 0.75)
    rows, columns = (np.arange(0.5, length) / length for length in size[::-1])
    side = (columns[None] - x) * math.cos(angle) + (rows[:, None] - y) * math.sin(angle)
    return Image.fromarray(np.uint8(side > 0) * 255)
