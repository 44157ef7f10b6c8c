"""The data that the rooms hand to one another. No TensorFlow, no behaviour."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Candidate:
  """One network of a pool: everything needed to price and build it.

  Attributes:
    family: Name in `elite_tf.networks.families.FAMILIES`, or `module:function`.
    w: Width level, from 1 (the baseline).
    d: Depth level, from 1.
    r: Resolution level, from 1.
    width: Width coefficient, multiplies channels.
    depth: Depth coefficient, multiplies repeats.
    resolution: Height and width of the input, in pixels.
    channels: Channels of the input: 1 (grey) or 3 (RGB).
    classes: Number of classes.
    activation: Activation of stem, blocks and head: "swish", "hard_swish" or
      "relu6"; empty means the family's own.
    stem_stride: Step of the first convolution, in pixels: 2 (the paper's) or 1
      (small inputs); 0 where a custom family decides. A pool has one value for
      all candidates, as for channels and classes, so names leave it out.
    dropout: Rate of dropout before the classifier, and of stochastic depth at
      the last block; 0.0 for none. One value for all candidates, too.
  """

  family: str
  w: int
  d: int
  r: int
  width: float
  depth: float
  resolution: int
  channels: int = 3
  classes: int = 1000
  activation: str = ""
  stem_stride: int = 2
  dropout: float = 0.2

  @property
  def name(self) -> str:
    """The candidate's name, made from its specification alone."""
    family = self.family.rpartition(":")[2]  # Of a custom one: the function.
    name = f"{family}-w{self.w}-d{self.d}-r{self.resolution}"
    return f"{name}-{self.activation}" if self.activation else name


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
  """One layer of a network; a network is a tuple of layers, the input first.

  Attributes:
    name: Unique in the network; the Keras layer has the same name.
    op: Kind of layer: "activation", or a name in
      `elite_tf.networks.layers.LAYER_KINDS`.
    inputs: Names of the layers whose outputs it takes; they come before it.
    shape: Output shape without the batch axis: (height, width, channels) or
      (features,).
    kernel: Side of the square kernel, in pixels (convolutions).
    stride: Step of the kernel, in pixels (convolutions). Padding is 'same'.
    bias: Whether a bias is added (convolutions, dense).
    function: Name of the Keras activation (op 'activation').
    rate: Probability of dropping (op 'dropout' and 'stochastic_depth').
  """

  name: str
  op: str
  inputs: tuple[str, ...]
  shape: tuple[int, ...]
  kernel: int = 1
  stride: int = 1
  bias: bool = False
  function: str = ""
  rate: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cost:
  """What a network costs.

  Attributes:
    params: Parameters as Keras's `count_params()` counts them, batch norm's
      moving statistics included.
    macs: Multiply-accumulates of one inference (the paper's "FLOPs").
  """

  params: int
  macs: int


@dataclasses.dataclass(frozen=True)
class Size:
  """How large a network is in training, which decides the memory it takes.

  Attributes:
    layers: Number of its layers, the input among them.
    numbers: Numbers that all of them put out for one image.
  """

  layers: int
  numbers: int


@dataclasses.dataclass(frozen=True)
class Epoch:
  """What one epoch of training measured.

  Attributes:
    epoch: Number of the epoch, from 1.
    loss: Mean cross-entropy on the training batches, label smoothing included.
    accuracy: Top-1 accuracy on the training batches, 0 to 1.
    val_loss: Mean validation loss of the averaged weights.
    val_accuracy: Top-1 validation accuracy of the averaged weights, 0 to 1.
    seconds: Wall clock spent inside training and validation steps.
  """

  epoch: int
  loss: float
  accuracy: float
  val_loss: float
  val_accuracy: float
  seconds: float


@dataclasses.dataclass(frozen=True)
class Job:
  """Work for a runner: train one candidate from one epoch to another.

  Attributes:
    candidate: The network.
    group: Number of its group, from 1 (the heaviest).
    round: Number of the round, from 1; 0 for the champion's training to the end.
    start: Epochs done before.
    stop: Epochs done afterwards.
  """

  candidate: Candidate
  group: int
  round: int
  start: int
  stop: int


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What became of a job.

  Attributes:
    name: The candidate's name.
    start: `start` of the job.
    stop: `stop` of the job.
    epochs: One `Epoch` for each epoch from `start` + 1 to `stop`; fewer where
      the candidate failed.
    error: Why the candidate failed, None if it did not.
    first_step_seconds: Wall clock of the first training step and the first
      validation step, tracing included; part of the epochs' seconds. 0.0 where
      nothing had to be traced.
  """

  name: str
  start: int
  stop: int
  epochs: tuple[Epoch, ...]
  error: str | None = None
  first_step_seconds: float = 0.0
