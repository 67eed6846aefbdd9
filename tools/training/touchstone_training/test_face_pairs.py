import unittest
from random import Random

import numpy as np
from PIL import Image

from .degradations import condition, degrade, draw_degradation
from .face_pairs import FaceFiles, FacePairs
from .framing import draw_part

CONFIG = {
    "seed": 5,
    "size": 48,
    "degradation": 1.0,
    "mix": {"swap": 1},
    "parts": {"share": 0.5, "min_scale": 0.4},
    "two_faces": 0.5,
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
    photos, syntheses = ["a"], ["b"]


FACES = {name: FACE for name in ("a", "b", "same")}


def pairs_of(mix: dict) -> FacePairs:
    return FacePairs(picture, Files(), FACES, {**CONFIG, "mix": mix})


class Pairs(unittest.TestCase):
    def test_nothing_that_is_drawn_knows_the_label(self):
        files = Files()
        files.portraits = files.generated = files.photos = files.syntheses = ["a"]
        for kind in ("swap", "generated", "synthesis"):
            pairs = FacePairs(picture, files, FACES, {**CONFIG, "mix": {kind: 1}})
            for i in range(30):
                real, fake, _ = pairs(i)
                self.assertEqual(real.tobytes(), fake.tobytes(), f"{kind} {i}, made of one picture twice")

    def test_pair_i_is_a_function_of_the_seed_and_i(self):
        mix = {"swap": 1, "generated": 1, "blend-video": 1, "cross-video": 1, "blend-portrait": 1, "blend-other": 1}
        mix |= {"synthesis": 1, "blend-photo": 1}
        forwards = [pairs_of(mix)(i) for i in range(16)]
        pairs = pairs_of(mix)
        backwards = [pairs(i) for i in reversed(range(16))][::-1]
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

    def test_what_is_wholly_generated_shares_no_content_with_its_real_one(self):
        self.assertFalse(pairs_of({"generated": 1})(0)[2])
        self.assertFalse(pairs_of({"synthesis": 1})(0)[2])
        self.assertTrue(pairs_of({"blend-photo": 1})(0)[2])

    def test_parts_are_cut_only_of_what_is_wholly_generated(self):
        for kind, changes in (("swap", False), ("blend-video", False), ("generated", True), ("synthesis", True)):
            whole, parts = (
                FacePairs(picture, Files(), FACES, {**CONFIG, "mix": {kind: 1}, "parts": {"share": s, "min_scale": 0.4}})
                for s in (0, 1)
            )
            differs = [whole(i)[1].tobytes() != parts(i)[1].tobytes() for i in range(4)]
            self.assertEqual(any(differs), changes, kind)

    def test_kinds_without_files_are_left_out(self):
        files = Files()
        files.photos, files.syntheses, files.generated = [], [], []
        mix = {"synthesis": 1, "blend-photo": 1, "generated": 1, "swap": 1}
        pairs = FacePairs(picture, files, FACES, {**CONFIG, "mix": mix})
        self.assertTrue(all(pairs(i)[2] for i in range(12)))

    def test_pictures_without_a_face_are_dropped(self):
        files = FaceFiles("no such folder")
        files.photos, files.syntheses = ["seen", "unsure", "small"], ["unsure", "seen"]
        small = np.r_[0.9, [20, 20, 60, 60], FACE[5:]]
        faces = {"seen": FACE, "unsure": np.r_[0.5, FACE[1:]], "small": small}
        dropped = files.drop_without_face(faces, {"threshold": 0.7, "min_side_px": 50})
        self.assertEqual((files.photos, files.syntheses, dropped), (["seen"], ["seen"], 3))

    def test_a_part_lies_inside_its_square(self):
        for seed in range(40):
            left, top, side = draw_part((-10, 20, 100), 0.4, Random(seed))
            self.assertTrue(40 <= side <= 100, side)
            self.assertTrue(-11 <= left and left + side <= 91, (left, side))
            self.assertTrue(19 <= top and top + side <= 121, (top, side))


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
