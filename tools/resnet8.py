"""ResNet-8, the image classification network of MLPerf Tiny, as a family.

From its description: a stem of 16 channels and three stacks of 16, 32 and 64
channels with two 3x3 convolutions each. The second and the third stack have
stride 2 and a 1x1 convolution in the shortcut. All convolutions have biases, and
all except the shortcuts' have batch norm. At the end: average pooling over the
whole map, dense, softmax. 78,666 parameters and 12.5 M multiply-accumulates at
32x32x3 with ten classes.

`register()` adds the family `resnet8`, which has one candidate.
"""

from elite_tf.networks.families import FAMILIES
from elite_tf.networks.families.base import Family
from elite_tf.networks.families.efficientnet import Network
from elite_tf.types import Candidate, Layer

NAME = "resnet8"
STEM_CHANNELS = 16
STACKS = ((16, 1), (32, 2), (64, 2))  # Channels, stride.


class _ResNet(Network):
  """Adds convolutions with biases, ReLU and sums."""

  def convolve(
    self, prefix: str, name: str, channels: int, kernel: int, stride: int
  ) -> str:
    """Convolution with a bias."""
    return self.add(
        f"{prefix}_conv", "conv", name,
        shape=self._strided(name, stride, channels), kernel=kernel,
        stride=stride, bias=True,
    )  # fmt: skip

  def normalized(self, prefix: str, *convolution) -> str:
    """Convolution and batch norm."""
    name = self.convolve(prefix, *convolution)
    return self.add(f"{prefix}_bn", "batch_norm", name)

  def relu(self, prefix: str, name: str) -> str:
    """ReLU."""
    return self.add(f"{prefix}_relu", "activation", name, function="relu")


def layers(candidate: Candidate) -> tuple[Layer, ...]:
  """Returns the layers of ResNet-8; coefficients of the candidate are ignored."""
  net = _ResNet(candidate, "relu")
  name = net.normalized("stem", "image", STEM_CHANNELS, 3, 1)
  name = net.relu("stem", name)
  for number, (channels, stride) in enumerate(STACKS, start=1):
    stack = f"stack{number}"
    inner = net.normalized(f"{stack}a", name, channels, 3, stride)
    inner = net.relu(f"{stack}a", inner)
    inner = net.normalized(f"{stack}b", inner, channels, 3, 1)
    if stride > 1:
      name = net.convolve(f"{stack}_beside", name, channels, 1, stride)
    name = net.add(f"{stack}_add", "add", inner, name)
    name = net.relu(stack, name)
  features = net.add("pool", "mean", name, shape=(STACKS[-1][0],))
  logits = net.add(
    "logits", "dense", features, shape=(candidate.classes,), bias=True
  )
  net.add("probabilities", "activation", logits, function="softmax")
  return net.layers


FAMILY = Family(
  NAME,
  layers,
  activation="relu",
  resolutions=lambda base, coefficients: [base],
  default_resolution=lambda side: side,
  base_resolution=32,
)


def register() -> None:
  """Registers the family in this process."""
  FAMILIES[NAME] = FAMILY
