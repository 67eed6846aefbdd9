import os
import tempfile
import unittest

import numpy as np

from .file_arrays import read_arrays, write_arrays


class FileArraysOnDisk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "kept.npz")

    def test_come_back_by_file_and_leave_no_partial_file(self):
        write_arrays(self.path, "v1", {"a.jpg": np.ones(3), "b.jpg": np.zeros(3)})
        self.assertEqual({file: array.tolist() for file, array in read_arrays(self.path, "v1").items()}, {
            "a.jpg": [1, 1, 1],
            "b.jpg": [0, 0, 0],
        })
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["kept.npz"])

    def test_are_nothing_under_another_signature_and_where_there_is_no_file(self):
        self.assertEqual(read_arrays(self.path, "v1"), {})
        write_arrays(self.path, "v1", {"a.jpg": np.ones(3)})
        self.assertEqual(read_arrays(self.path, "v2"), {})


if __name__ == "__main__":
    unittest.main()
