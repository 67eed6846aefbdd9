import unittest
from random import Random

import numpy as np
from PIL import Image

from .mixing import mix

DARK, LIGHT = Image.new("RGB", (40, 30), (20, 20, 20)), Image.new("RGB", (25, 25), (220, 220, 220))


class Mixing(unittest.TestCase):
    def test_both_pictures_show_in_the_size_of_the_first(self):
        kinds = set()
        for seed in range(40):
            values = np.asarray(mix(DARK, LIGHT, Random(seed)))
            self.assertEqual(values.shape, (30, 40, 3))
            shades = np.unique(values)
            if len(shades) == 1:
                self.assertTrue(70 <= shades[0] <= 120, shades)
            else:
                self.assertEqual(shades.tolist(), [20, 220])
            kinds.add(len(shades))
        self.assertEqual(kinds, {1, 2})

    def test_what_is_drawn_does_not_depend_on_the_pictures(self):
        for seed in range(10):
            one, other = Random(seed), Random(seed)
            mix(DARK, LIGHT, one)
            mix(LIGHT, DARK, other)
            self.assertEqual(one.random(), other.random())

    def test_a_picture_mixed_with_itself_is_itself(self):
        picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 20, 3), np.uint8))
        for seed in range(10):
            self.assertEqual(mix(picture, picture, Random(seed)).tobytes(), picture.tobytes())


if __name__ == "__main__":
    unittest.main()
