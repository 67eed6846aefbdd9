import os
import tempfile
import unittest

import torch

from .export_bundle import read_checkpoint
from .graph import write_graph
from .mix_weights import main, mix_weights
from .networks import Lite


def lite(seed: int) -> Lite:
    torch.manual_seed(seed)
    return Lite(pretrained=False).eval()


class MixedWeights(unittest.TestCase):
    def test_lie_on_the_line_between_both(self):
        for share in (0, 0.25, 1):
            mixed = mix_weights(lite(1), lite(2), share)
            for value, trained, start in zip(mixed.parameters(), lite(1).parameters(), lite(2).parameters()):
                self.assertTrue(torch.allclose(value, trained + share * (start - trained), atol=1e-6))

    def test_are_a_checkpoint_that_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            trained, start, out = (os.path.join(folder, name) for name in ("faces.pt", "start.onnx", "mixed.pt"))
            torch.save({"average": lite(1).state_dict(), "step": 7, "config": {"size": 64}}, trained)
            write_graph(lite(2), start, 64)
            main(trained, start, "0.5", out)
            net, config = read_checkpoint(out)
            self.assertEqual(torch.load(out)["step"], 7)
        self.assertEqual(config, {"size": 64, "start_share": 0.5})
        middle = (lite(1).fc.weight + lite(2).fc.weight) / 2
        self.assertTrue(torch.allclose(net.fc.weight, middle, atol=1e-4))


if __name__ == "__main__":
    unittest.main()
