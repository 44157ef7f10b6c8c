"""A network computed by NumPy, and files as PyTorch writes them."""

import pickle
import sys
import types
from collections import OrderedDict
from itertools import product

import numpy as np
import pytest


def _convolve(x, kernel, stride, depthwise):
  """'same' padding as TensorFlow documents it: the odd pixel goes last."""
  side = kernel.shape[0]
  out = [-(-size // stride) for size in x.shape[:2]]
  missing = [
    max((o - 1) * stride + side - n, 0) for o, n in zip(out, x.shape[:2])
  ]
  x = np.pad(x, [(m // 2, m - m // 2) for m in missing] + [(0, 0)])
  total = 0.0
  for i, j in product(range(side), repeat=2):
    part = x[i:, j:][: (out[0] - 1) * stride + 1 : stride]
    part = part[:, : (out[1] - 1) * stride + 1 : stride]
    weights = kernel[i, j]
    total = total + (part * weights[:, 0] if depthwise else part @ weights)
  return total


def _forward(layers, weights, image, last=""):
  """Returns the output of the layer `last`, or of the last one.

  Args:
    layers: `Layer`s of a network.
    weights: Layer name -> arrays as Keras has them.
    image: (height, width, channels), as the network takes it.
    last: Name of a layer.
  """
  values = {layers[0].name: image}
  for layer in layers[1:]:
    x, *others = (values[name] for name in layer.inputs)
    mine = weights.get(layer.name, ())
    if layer.op in ("conv", "depthwise"):
      y = _convolve(x, mine[0], layer.stride, layer.op == "depthwise")
      y = y + mine[1] if layer.bias else y
    elif layer.op == "batch_norm":
      gamma, beta, mean, variance = mine
      y = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    elif layer.op == "add":
      y = x + others[0]
    elif layer.op == "multiply":
      y = x * others[0]
    elif layer.op == "mean":
      y = x.mean(axis=(0, 1)).reshape(layer.shape)
    elif layer.op == "dense":
      y = x @ mine[0] + mine[1]
    elif layer.function == "relu6":
      y = np.clip(x, 0, 6)
    elif layer.function in ("sigmoid", "swish"):
      y = 1 / (1 + np.exp(-x)) * (x if layer.function == "swish" else 1)
    elif layer.function == "softmax":
      y = np.exp(x - x.max())
      y /= y.sum()
    else:
      assert layer.op in ("dropout", "stochastic_depth"), layer
      y = x
    values[layer.name] = y
    if layer.name == last:
      break
  return values[layer.name]


@pytest.fixture(scope="session")
def forward():
  """A network as NumPy computes it."""
  return _forward


class _Saved:
  """Pickles as a tensor does."""

  def __init__(self, array):
    self.array = np.asarray(array)

  def __reduce__(self):
    strides = [s // self.array.itemsize for s in self.array.strides]
    return (
      sys.modules["torch._utils"]._rebuild_tensor_v2,
      (self, 0, self.array.shape, tuple(strides), False, OrderedDict()),
    )


def _legacy(path, arrays, magic=0x1950A86A20F9469CFC6C, table=None):
  """Writes what `torch.save` of PyTorch 1.5 writes.

  Args:
    path: The file.
    arrays: Name -> array, float32 or int64.
    magic: First object.
    table: Object in place of the table of tensors.
  """
  torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
  for name in ("FloatStorage", "LongStorage"):
    setattr(torch, name, type(name, (), {"__module__": "torch"}))

  def _rebuild_tensor_v2():
    """Only its name is written."""

  _rebuild_tensor_v2.__module__ = "torch._utils"
  _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
  utils._rebuild_tensor_v2 = _rebuild_tensor_v2
  old = {n: sys.modules.get(n) for n in ("torch", "torch._utils")}
  sys.modules |= {"torch": torch, "torch._utils": utils}
  saved = {name: _Saved(array) for name, array in arrays.items()}
  inner = {}

  class Pickler(pickle.Pickler):
    def persistent_id(self, value):
      if not isinstance(value, _Saved) or id(value) not in inner:
        if isinstance(value, _Saved):
          inner[id(value)] = value  # The tensor; next time its storage.
        return None
      kind = "Float" if value.array.dtype == np.float32 else "Long"
      storage = getattr(torch, f"{kind}Storage")
      return ("storage", storage, str(id(value)), "cpu", value.array.size, None)

  try:
    with open(path, "wb") as file:
      for head in (magic, 1001, {"little_endian": True}):
        pickle.dump(head, file, 2)
      Pickler(file, 2).dump(OrderedDict(saved) if table is None else table)
      pickle.dump([str(key) for key in inner], file, 2)
      for value in inner.values():
        file.write(np.int64(value.array.size).tobytes())
        base = value.array if value.array.base is None else value.array.base
        file.write(base.tobytes())
  finally:
    for name, module in old.items():
      sys.modules.pop(name)
      if module:
        sys.modules[name] = module


@pytest.fixture
def write_legacy():
  """Writes files as `torch.save` did up to PyTorch 1.5."""
  return _legacy
