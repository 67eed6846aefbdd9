import csv
import os
import tempfile
import unittest

import numpy as np
from PIL import Image, ImageEnhance

from .config import read_config
from .data import difference_hash, near_copies, read_items


def noise(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    return Image.fromarray(coarse).resize((160, 160), Image.BICUBIC)


class NearCopies(unittest.TestCase):
    def test_a_darker_copy_is_near_and_another_picture_is_not(self):
        held_out = np.stack([difference_hash(noise(1)), difference_hash(noise(2))])
        darker = ImageEnhance.Brightness(noise(2)).enhance(0.7)
        own = np.stack([difference_hash(darker), difference_hash(noise(3))])
        self.assertEqual(near_copies(own, held_out).tolist(), [True, False])


class Items(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = folder.name
        os.makedirs(f"{self.data}/faces/dfdc")
        with open(f"{self.data}/faces/dfdc/manifest.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "label", "split", "original"])
            for i in range(20):
                split = "val" if i % 5 == 0 else "train"
                rows.writerow([f"{split}/real/{i}.jpg", "real", split, f"o{i}"])
                rows.writerow([f"{split}/fake/{i}.jpg", "fake", split, f"o{i}"])

    def test_a_split_holds_both_members_of_its_originals(self):
        items = read_items(self.data, "faces/dfdc", "val")
        self.assertEqual(sorted(item.group for item in items), sorted(["o0", "o5", "o10", "o15"] * 2))
        self.assertEqual(items[1].file, "faces/dfdc/val/fake/0.jpg")
        self.assertEqual(items[1].label, 1)

    def test_a_draw_of_groups_is_always_the_same_and_whole(self):
        drawn = read_items(self.data, "faces/dfdc", "train", groups=3)
        self.assertEqual(len(drawn), 6)
        self.assertEqual(len({item.group for item in drawn}), 3)
        self.assertEqual(drawn, read_items(self.data, "faces/dfdc", "train", groups=3))

    def test_a_collection_that_is_absent_is_empty(self):
        self.assertEqual(read_items(self.data, "images"), [])


class Config(unittest.TestCase):
    def test_a_section_that_extends_another_overrides_it(self):
        path = os.path.join(os.path.dirname(__file__), "../config.json")
        faces, blends = read_config(path, "faces"), read_config(path, "faces-blend-only")
        self.assertEqual(blends["geometry"], faces["geometry"])
        self.assertEqual(blends["batch_pairs"], faces["batch_pairs"])
        self.assertFalse({"swap", "generated", "synthesis"} & set(blends["mix"]))


if __name__ == "__main__":
    unittest.main()
