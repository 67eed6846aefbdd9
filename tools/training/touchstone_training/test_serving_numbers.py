"""What the service computes, by the numbers of `fixtures/serving-numbers.json`, which a TypeScript test holds it to."""

import hashlib
import json
import os
import unittest

import numpy as np

from .framing import draw_square
from .golden import golden_pixels
from .serving_resize import resize_as_served

with open(os.path.join(os.path.dirname(__file__), "fixtures/serving-numbers.json")) as file:
    NUMBERS = json.load(file)


def sha256(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


class ServingNumbers(unittest.TestCase):
    def test_golden_inputs_are_those_of_the_worker(self):
        for case in NUMBERS["golden"]:
            with self.subTest(case["input"]):
                self.assertEqual(sha256(golden_pixels(case["input"], case["side"])), case["sha256"])

    def test_the_face_detector_sees_the_same_bytes(self):
        for case in NUMBERS["resize"]:
            with self.subTest(f"{case['side']} to {case['width']} x {case['height']}"):
                source = golden_pixels(case["input"], case["side"])[0]
                resized = resize_as_served(source, case["width"], case["height"])
                self.assertEqual(sha256(resized), case["sha256"])

    def test_a_box_is_cut_by_the_same_square(self):
        for case in NUMBERS["squares"]:
            with self.subTest(str(case["box"])):
                face = np.array([1.0, *case["box"]])
                square = draw_square(face, (224, 224), case, None)
                self.assertEqual(list(square), case["square"])


if __name__ == "__main__":
    unittest.main()
