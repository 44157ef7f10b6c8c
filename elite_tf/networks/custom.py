"""Builds the networks of a custom family, `module:function`.

The function is called as

    function(width, depth, resolution, classes)

and also with `channels=` if it has a parameter of that name. `width` and
`depth` are the candidate's coefficients (float, at most 1.0), `resolution` is
the side of its square input in pixels, `channels` is 1 or 3. The function
returns a functional or Sequential keras.Model. Its input are float32 images
(batch, resolution, resolution, channels) from -1 to 1, as
`elite_tf.data.preprocess` makes them; its output are probabilities (batch,
classes).
"""

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable

import keras
import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.networks.keras_cost import every_layer
from elite_tf.types import Candidate


def load(pool: str) -> Callable[..., keras.Model]:
  """Returns the function that `--pool=module:function` names.

  The module is searched as by `python -m`: in the working directory first.

  Raises:
    ConfigError: There is no such function, or its module cannot be imported.
  """
  module, _, name = pool.partition(":")
  if os.getcwd() not in sys.path:
    sys.path.insert(0, os.getcwd())
  try:
    with contextlib.redirect_stdout(sys.stderr):
      function = getattr(importlib.import_module(module), name, None)
  except (Exception, SystemExit) as error:
    raise ConfigError(
      f"--pool={pool}: the module {module} cannot be imported"
      f" ({_reason(error)})"
    ) from error
  if not callable(function):
    raise ConfigError(
      f"--pool={pool}: the module {module} must have a function {name}."
      f" Received: {type(function).__name__}"
    )
  return function


def build(candidate: Candidate) -> keras.Model:
  """Returns the network that the user's function builds for a candidate.

  The network has the candidate's name and the function's weights.

  Raises:
    ConfigError: The function fails, or returns something else than described in
      this module's docstring.
  """
  pool = candidate.family
  function = load(pool)
  arguments = (
    candidate.width,
    candidate.depth,
    candidate.resolution,
    candidate.classes,
  )
  named = _named(pool, function, candidate, arguments)
  try:
    # What the function prints must not be on stdout, beside the result.
    with contextlib.redirect_stdout(sys.stderr):
      model = function(*arguments, **named)
  except (Exception, SystemExit) as error:
    named_too = (f"{name}={value}" for name, value in named.items())
    call = ", ".join([*map(str, arguments), *named_too])
    raise ConfigError(
      f"--pool={pool} fails for ({call}): {_reason(error)}"
    ) from error
  _check(pool, model, candidate)
  return keras.Model(model.inputs[0], model.outputs[0], name=candidate.name)


def check_answers(model: keras.Model) -> None:
  """Checks that the outputs of a network are probabilities.

  Args:
    model: As `build` returns it.

  Raises:
    ConfigError: They are not.
  """
  shape = (2, *model.input_shape[1:])
  images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
  answers = np.asarray(model(images, training=False), np.float64)
  sums = answers.sum(-1)
  if not (np.abs(sums - 1) < 1e-3).all() or answers.min() < 0:
    raise ConfigError(
      "networks must end in softmax. Received:"
      f" outputs from {answers.min():.3g} to {answers.max():.3g} that sum to"
      f" {sums[0]:.3g}"
    )


def _named(pool, function, candidate, arguments) -> dict[str, int]:
  """Returns the keyword arguments that the function takes, one or none."""
  try:
    signature = inspect.signature(function)
  except ValueError:  # C functions have none.
    return {}
  named = {}
  if "channels" in signature.parameters:
    named["channels"] = candidate.channels
  try:
    signature.bind(*arguments, **named)
  except TypeError as error:
    raise ConfigError(
      f"--pool={pool} must take (width, depth, resolution, classes) and,"
      f" optionally, channels. Received: {pool.partition(':')[2]}{signature}"
    ) from error
  return named


def _check(pool: str, model, candidate: Candidate) -> None:
  if not isinstance(model, keras.Model):
    kind = type(model)
    raise ConfigError(
      f"--pool={pool} must return a keras.Model. Received:"
      f" {kind.__module__}.{kind.__qualname__}"
    )
  ends = [getattr(model, "inputs", None), getattr(model, "outputs", None)]
  if not all(ends):
    raise ConfigError(
      f"--pool={pool} must return a functional or Sequential model that"
      f" begins with keras.Input. Received: {type(model).__name__}"
    )
  side, found = candidate.resolution, [[x.shape for x in end] for end in ends]
  wanted = [
      [(None, side, side, candidate.channels)], [(None, candidate.classes)]
  ]  # fmt: skip
  if found[0] != wanted[0]:
    hint = "" if candidate.channels == 3 else " (the parameter channels)"
    raise ConfigError(
      f"--pool={pool} must return networks that take images of shape"
      f" {wanted[0][0]}, as in --data{hint}. Received:"
      f" {_listed(found[0])}"
    )
  if found[1] != wanted[1]:
    raise ConfigError(
      f"--pool={pool} must return networks with an output for each class,"
      f" {wanted[1][0]}. Received: {_listed(found[1])}"
    )
  for layer in every_layer(model):
    _check_can_be_saved(pool, layer)


def _check_can_be_saved(pool: str, layer: keras.layers.Layer) -> None:
  """Refuses what a .keras file cannot hold."""
  kind = type(layer)
  if isinstance(layer, keras.layers.Lambda):
    raise ConfigError(
      f"--pool={pool} must not have Lambda layers: they cannot be loaded from a"
      f" file; functions of keras.ops can. Received: {layer.name!r}"
    )
  name = keras.saving.get_registered_name(kind)
  if kind.__module__.partition(".")[0] != "keras" and name == kind.__name__:
    raise ConfigError(
      f"--pool={pool}: the class of layer {layer.name!r} must be decorated by"
      " @keras.saving.register_keras_serializable(), so that saved networks"
      f" can be loaded. Received: {kind.__name__}"
    )


def _listed(shapes) -> str:
  return ", ".join(map(str, shapes))


def _reason(error: BaseException) -> str:
  text = " ".join(str(error).split())
  return f"{type(error).__name__}: {text or 'no reason given'}"[:300]
