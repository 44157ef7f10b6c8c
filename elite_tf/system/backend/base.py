"""What a backend of Keras is."""

import abc
from collections.abc import Callable, Sequence


class Backend(abc.ABC):
  """What this package asks of a backend beyond Keras's neutral interface.

  The methods import the backend when they are called.

  Attributes:
    name: As KERAS_BACKEND takes it, and the name of the package.
    converts: Whether .tflite files can be written with it.
    draws_slowly: Whether drawing first weights takes longer than all the rest
      of building a network.
  """

  name: str
  converts: bool = False
  draws_slowly: bool = False

  @abc.abstractmethod
  def set_up(self, threads: int) -> None:
    """Loads the backend, set up for this machine.

    Args:
      threads: Threads that compute; 0 means one per core.
    """

  @abc.abstractmethod
  def compile_step(
    self, function: Callable, signature: tuple, donated: Sequence[int] = ()
  ) -> Callable:
    """Compiles a pure function of tensors.

    Args:
      function: Takes and returns nested tuples of tensors.
      signature: Its arguments as nested tuples of `keras.KerasTensor`; an axis
        of None may have any length.
      donated: Positions of the arguments whose memory the results may take; the
        caller does not use these arguments again.
    """

  @abc.abstractmethod
  def value_and_gradient(self, function: Callable) -> Callable:
    """Differentiates function(x) -> (scalar, more) by x.

    Returns:
      x -> ((scalar, more), gradient).
    """

  @abc.abstractmethod
  def normalize(self, x, gain, offset, epsilon: float) -> tuple:
    """Normalizes a batch by its own mean and variance.

    Args:
      x: (batch, height, width, channels), of any floating type.
      gain: float32 (channels,).
      offset: float32 (channels,).
      epsilon: Added to the variance.

    Returns:
      (normalized, mean, variance): of the shape and type of x, and float32
      (channels,) twice. The batch is normalized by its own variance, sum / n;
      the variance returned estimates that of the population which the batch is
      a sample of, sum / (n - 1).
    """

  @abc.abstractmethod
  def gpu_capability(self) -> tuple[int, int] | None:
    """Returns the compute capability of the first GPU, None without a GPU."""
