"""The seeded inputs of golden vectors, as in `packages/models/src/golden-inputs.ts`."""

import numpy as np

GOLDEN_INPUTS = ("hash", "gradient", "blocks", "mixed")


def golden_pixels(name: str, size: int) -> np.ndarray:
    """uint8 1 x size x size x 3; arithmetic modulo 2^32."""
    i = np.arange(size * size * 3, dtype=np.uint64)
    y, x, c = i // (3 * size), i // 3 % size, i % 3
    hashed = i * np.uint64(2_654_435_761) & np.uint64(0xFFFFFFFF)
    values = {
        "hash": hashed >> np.uint64(24),
        "gradient": x + 2 * y + 40 * c,
        "blocks": (x // 16 + y // 16) % 2 * 120 + 60 + 15 * c,
        "mixed": (x + y) // 2 + (hashed >> np.uint64(28)),
    }[name]
    return (values & np.uint64(255)).astype(np.uint8).reshape(1, size, size, 3)
