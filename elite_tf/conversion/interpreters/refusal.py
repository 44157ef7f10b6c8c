"""What TensorFlow Lite's interpreters raise, as an error of this package."""

import contextlib
from collections.abc import Iterator

from elite_tf.errors import VerificationFailed


@contextlib.contextmanager
def refusals() -> Iterator[None]:
  """Turns errors of TensorFlow Lite inside the context into one line.

  Raises:
    VerificationFailed: An interpreter refuses a network, or fails to run it.
  """
  try:
    yield
  except (RuntimeError, ValueError) as error:
    reason = str(error).strip().partition("\n")[0]
    raise VerificationFailed(
      f"TensorFlow Lite refuses the network: {reason}"
    ) from error
