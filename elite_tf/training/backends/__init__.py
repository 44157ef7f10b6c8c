"""What a training step asks of Keras's backend and Keras does not offer.

A backend is a module of its own name with the same five names:

    compile_step(function, signature, donated) -> the function, compiled
    value_and_gradient(function) -> function of the value and the gradient
    normalize(x, gain, offset, epsilon) -> batch norm of a batch
    DRAWS_SLOWLY -> whether drawing first weights takes longer than building
    gpu_capability() -> compute capability of the GPU, None without one

Everything else of the training goes through Keras's neutral interface.
"""

import importlib
from types import ModuleType

import keras


def current() -> ModuleType:
  """Returns the backend that Keras was loaded with."""
  return importlib.import_module(f"{__name__}.{keras.backend.backend()}")
