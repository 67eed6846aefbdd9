import unittest
from random import Random

import numpy as np
from PIL import Image

from .degradations import condition, degrade, draw_degradation
from .face_pairs import FacePairs

CONFIG = {
    "seed": 5,
    "size": 48,
    "degradation": 1.0,
    "mix": {"swap": 1},
    "geometry": {"scale": 1.06, "shift_up": 0.046, "jitter_scale": [0.9, 1.12], "jitter_shift": 0.04},
}
FACE = np.r_[0.9, [20, 20, 80, 80], np.array([[35, 42], [65, 42], [50, 55], [50, 68], [22, 48], [78, 48]]).ravel()]


def picture(name: str) -> Image.Image:
    seed = 1 if name in ("a", "same") else 2
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), np.uint8)
    return Image.fromarray(coarse).resize((100, 100), Image.BICUBIC)


class Files:
    swaps = [("a", "same")]
    portraits, generated, others = ["a"], ["b"], ["a", "b"]


def pairs_of(mix: dict) -> FacePairs:
    return FacePairs(picture, Files(), {name: FACE for name in ("a", "b", "same")}, {**CONFIG, "mix": mix})


class Pairs(unittest.TestCase):
    def test_crop_and_degradation_do_not_know_the_label(self):
        pairs = pairs_of({"swap": 1})
        for i in range(30):
            real, fake, _ = pairs(i)
            self.assertEqual(real.tobytes(), fake.tobytes(), f"pair {i}, made of one picture twice")

    def test_pair_i_is_a_function_of_the_seed_and_i(self):
        mix = {"swap": 1, "generated": 1, "blend-video": 1, "cross-video": 1, "blend-portrait": 1, "blend-other": 1}
        forwards = [pairs_of(mix)(i) for i in range(12)]
        pairs = pairs_of(mix)
        backwards = [pairs(i) for i in reversed(range(12))][::-1]
        for (real, fake, shares), (real_again, fake_again, shares_again) in zip(forwards, backwards):
            self.assertEqual(real.tobytes(), real_again.tobytes())
            self.assertEqual(fake.tobytes(), fake_again.tobytes())
            self.assertEqual(shares, shares_again)

    def test_a_blend_differs_from_its_real_face_inside_the_crop(self):
        for kind in ("blend-video", "cross-video"):
            real, fake, shares = pairs_of({kind: 1})(3)
            difference = np.abs(np.asarray(real, int) - np.asarray(fake, int))
            self.assertTrue(shares)
            self.assertGreater(difference.mean(), 0.5, kind)

    def test_only_generated_portraits_share_no_content_with_their_real_one(self):
        self.assertFalse(pairs_of({"generated": 1})(0)[2])


class Degradations(unittest.TestCase):
    def test_strength_zero_leaves_the_picture_or_mirrors_it(self):
        for seed in range(8):
            drawn = draw_degradation(Random(seed), 0)
            plain = picture("a").transpose(Image.FLIP_LEFT_RIGHT) if drawn.flip else picture("a")
            self.assertEqual(degrade(picture("a"), drawn).tobytes(), plain.tobytes())

    def test_conditions_keep_the_size(self):
        self.assertEqual(condition(picture("a"), "half").size, (100, 100))
        self.assertEqual(condition(picture("a"), "q50").size, (100, 100))
        self.assertEqual(condition(picture("a"), "stored").tobytes(), picture("a").tobytes())


if __name__ == "__main__":
    unittest.main()
