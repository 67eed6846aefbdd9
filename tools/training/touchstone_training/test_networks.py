import os
import tempfile
import unittest

import torch

from .graph import write_graph
from .networks import Lite, load_graph_weights


class Weights(unittest.TestCase):
    def test_come_back_from_an_exported_graph(self):
        torch.manual_seed(2)
        net = Lite(pretrained=False).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            write_graph(net, path, 64)
            again = load_graph_weights(Lite(pretrained=False), path).state_dict()
        for name, values in net.state_dict().items():
            # Large tensors were rounded to float16.
            self.assertTrue(torch.allclose(again[name], values, rtol=1e-3, atol=1e-6), name)

    def test_everything_learns_until_it_is_frozen(self):
        self.assertTrue(all(value.requires_grad for value in Lite(pretrained=False).parameters()))

    def test_a_frozen_part_learns_no_more(self):
        net = Lite(pretrained=False)
        net.freeze(3)
        frozen = {name.split(".")[0] for name, value in net.named_parameters() if not value.requires_grad}
        self.assertEqual(frozen, {"stem", "blocks"})
        self.assertTrue(all(value.requires_grad for value in net.blocks[3].parameters()))


if __name__ == "__main__":
    unittest.main()
