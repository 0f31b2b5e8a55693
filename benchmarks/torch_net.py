"""ConvNet-T in PyTorch, read from the prototxt and the .caffemodel: an outside measure, nothing else uses it."""

from pathlib import Path

import torch
from torch import nn

from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import read_binary, read_prototxt


def torch_net(deploy: Path, model: Path) -> nn.Sequential:
    """The layers of a deploy prototxt that is a plain chain, with the model's weights."""
    return nn.Sequential(*_layers(deploy, model, MAKERS)).eval()


def training_net(deploy: Path, model: Path) -> nn.Sequential:
    """The same net as one trains it: with dropout, and without the softmax, which the loss has."""
    return nn.Sequential(*_layers(deploy, model, MAKERS | WHEN_TRAINING)).train()


def in_precision(net: nn.Module, data: torch.Tensor, dtype: torch.dtype) -> tuple[nn.Module, torch.Tensor]:
    """A net and its input in float32, or in bfloat16 and then channels last, which is how PyTorch is fast at it."""
    if dtype is torch.float32:
        return net, data
    last = torch.channels_last
    return net.to(dtype, memory_format=last), data.to(dtype, memory_format=last)


def _layers(deploy: Path, model: Path, makers: dict) -> list[nn.Module]:
    net = read_prototxt(deploy, "NetParameter")
    weights = layers_of(read_binary(model, "NetParameter", "Give a .caffemodel."))
    layers: list[nn.Module] = []
    for layer in net.layer:
        blobs = [torch.from_numpy(blob_array(blob)) for blob in weights.get(layer.name, [])]
        layers += makers[layer.type](layer, blobs)
    return layers


def _convolution(layer, blobs) -> list[nn.Module]:
    given = layer.convolution_param
    outputs, inputs, kernel = blobs[0].shape[:3]
    stride, pad = (list(given.stride) or [1])[0], (list(given.pad) or [0])[0]
    made = nn.Conv2d(inputs * given.group, outputs, kernel, stride, pad, groups=given.group)
    return [_filled(made, blobs)]


def _inner_product(layer, blobs) -> list[nn.Module]:
    outputs, inputs = blobs[0].shape
    return [nn.Flatten(), _filled(nn.Linear(inputs, outputs), blobs)]


def _filled(made: nn.Module, blobs) -> nn.Module:
    made.weight.data, made.bias.data = blobs[0], blobs[1].reshape(-1)
    return made


def _pooling(layer, _blobs) -> list[nn.Module]:
    given = layer.pooling_param
    return [nn.MaxPool2d(given.kernel_size, given.stride, ceil_mode=True)]  # Caffe rounds up


def _lrn(layer, _blobs) -> list[nn.Module]:
    given = layer.lrn_param
    return [_InFloat32(nn.LocalResponseNorm(given.local_size, given.alpha, given.beta, given.k))]


class _InFloat32(nn.Module):
    """A layer that PyTorch has in float32 alone."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """As the layer, in the precision of its input."""
        return self.layer(data.float()).to(data.dtype)


MAKERS = {
    "Input": lambda *_: [],
    "Dropout": lambda *_: [],  # the identity when testing
    "Convolution": _convolution,
    "InnerProduct": _inner_product,
    "Pooling": _pooling,
    "LRN": _lrn,
    "ReLU": lambda *_: [nn.ReLU(inplace=True)],
    "Softmax": lambda *_: [nn.Softmax(dim=1)],
}
WHEN_TRAINING = {
    "Dropout": lambda layer, _: [nn.Dropout(layer.dropout_param.dropout_ratio)],
    "Softmax": lambda *_: [],
}
