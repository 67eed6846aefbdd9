import unittest

import numpy as np
from PIL import Image

from .data import Item
from .image_views import crop, show
from .train_images import row_shares

CONFIG = {"seed": 4, "size": 72, "degradation": 1.0}
SHARES = {"balance": 0.5, "portraits": {"faces/dfdc": 0.1}}


def picture(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    return Image.fromarray(coarse).resize((96, 80), Image.BICUBIC)


def item(file: str, label: int, family: str) -> Item:
    return Item(file=file, label=label, split="train", family=family, group=file)


class Views(unittest.TestCase):
    def test_every_view_has_the_size_of_the_network(self):
        sizes = {show(picture(1), f"name-{i}", view, CONFIG).size for i in range(12) for view in range(3)}
        self.assertEqual(sizes, {(72, 72)})

    def test_a_view_is_a_function_of_name_and_number(self):
        first, again = (show(picture(1), "name", 2, CONFIG).tobytes() for _ in range(2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, show(picture(1), "name", 1, CONFIG).tobytes())

    def test_the_served_view_is_the_centre_at_native_resolution(self):
        pixels = np.arange(9 * 7 * 3, dtype=np.uint8).reshape(7, 9, 3)
        served = np.asarray(show(Image.fromarray(pixels), "name", 0, {"size": 4}))
        self.assertEqual(served.tobytes(), pixels[1:5, 2:6].tobytes())

    def test_a_smaller_picture_is_enlarged(self):
        self.assertEqual(crop(picture(1), 100, None).size, (100, 100))


class Shares(unittest.TestCase):
    def test_both_labels_weigh_the_same_and_a_large_family_less_than_its_size(self):
        items = [item(f"images/{i}", 0, "many") for i in range(16)] + [item("images/a", 0, "few")]
        shares = row_shares([*items, item("images/b", 1, "fake")], SHARES)
        self.assertAlmostEqual(shares[:17].sum(), shares[17])
        self.assertAlmostEqual(shares[:16].sum() / shares[16], 4)

    def test_portraits_weigh_by_their_factor(self):
        plain, portrait = row_shares([item("images/a", 0, "a"), item("faces/dfdc/train/real/b", 0, "b")], SHARES)
        self.assertAlmostEqual(portrait / plain, 0.1)


if __name__ == "__main__":
    unittest.main()
