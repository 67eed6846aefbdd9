import json
import os
import tempfile
import unittest

import numpy as np
import onnx
import torch
from torch import nn

from .export_bundle import export_bundle, export_half_bundle
from .golden import golden_pixels
from .graph import HALF_ABOVE, open_graph, run_graph, sha256_of

SIZE = 32
DESCRIBED = {"id": "tiny", "version": "1.0.0", "preparation": [{"op": "centre-crop", "size": SIZE}]}


class Branches(nn.Module):
    """The layers that a detector may be made of, with one weight large enough to be halved."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 5, 2, padding=2)
        self.pool, self.wide = nn.AvgPool2d(2), nn.Conv2d(16, 160, 3, padding=1)
        self.last = nn.Linear(160, 1)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.pool(self.first(planes).relu()), nn.functional.relu6(self.second(planes))], 1)
        return self.last(self.wide(both).mean((2, 3))).squeeze(1)


class Export(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out, self.net = folder.name, Branches()
        self.pixels = np.concatenate([golden_pixels(name, SIZE) for name in ("hash", "mixed", "blocks")])
        with torch.no_grad():
            planes = (torch.from_numpy(self.pixels).permute(0, 3, 1, 2).float() - 127) / 128
            self.expected = self.net(planes).sigmoid().numpy()
        self.cases = [("faces/a.jpg", self.pixels[0]), ("faces/b.jpg", self.pixels[1])]

    def test_the_graph_answers_as_the_network_whatever_the_batch(self):
        export_bundle(self.net, SIZE, DESCRIBED, self.out, self.cases)
        session = open_graph(f"{self.out}/model.onnx")
        np.testing.assert_allclose(run_graph(session, self.pixels), self.expected, atol=1e-3)
        np.testing.assert_allclose(run_graph(session, self.pixels[:1]), self.expected[:1], atol=1e-3)

    def test_large_weights_are_half_as_large_and_nothing_else_is(self):
        export_bundle(self.net, SIZE, DESCRIBED, self.out, self.cases)
        graph = onnx.load(f"{self.out}/model.onnx").graph
        for tensor in graph.initializer:
            large = np.prod(tensor.dims) > HALF_ABOVE
            self.assertEqual(tensor.data_type == onnx.TensorProto.FLOAT16, large, tensor.name)
        self.assertTrue(any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in graph.initializer))

    def test_a_bundle_names_its_graph_and_carries_what_pytorch_answered(self):
        manifest = export_bundle(self.net, SIZE, DESCRIBED, self.out, self.cases)
        with open(f"{self.out}/parity.json") as file:
            parity = json.load(file)
        self.assertEqual(manifest["graphs"][0]["sha256"], sha256_of(f"{self.out}/model.onnx"))
        self.assertEqual(parity["weights_sha256"], manifest["graphs"][0]["sha256"])
        self.assertEqual([case["file"] for case in parity["cases"]], ["faces/a.jpg", "faces/b.jpg"])
        self.assertAlmostEqual(parity["cases"][1]["probability"], float(self.expected[1]), places=5)

    def test_no_path_of_this_machine_is_in_the_graph(self):
        export_bundle(self.net, SIZE, DESCRIBED, self.out, self.cases)
        with open(f"{self.out}/model.onnx", "rb") as file:
            content = file.read()
        self.assertNotIn(os.path.dirname(__file__).encode(), content)
        self.assertNotIn(b".py", content)

    def test_the_half_graph_computes_in_half(self):
        export_half_bundle(self.net, SIZE, DESCRIBED, self.out)
        graph = onnx.load(f"{self.out}/model.fp16.onnx").graph
        self.assertEqual({tensor.data_type for tensor in graph.initializer}, {onnx.TensorProto.FLOAT16})
        answers = run_graph(open_graph(f"{self.out}/model.fp16.onnx"), self.pixels)
        np.testing.assert_allclose(answers, self.expected, atol=0.02)


if __name__ == "__main__":
    unittest.main()
