"""Batch norm for training: one operation, the batch's own statistics."""

import keras
from keras import ops

from elite_tf.networks.keras_cost import every_layer
from elite_tf.system import backend


class BatchStatistics(keras.layers.BatchNormalization):
  """Keras's batch norm without a momentum of its own.

  In training, the moving mean and variance become those of the batch. The recipe
  averages them together with the weights; a fixed momentum would be too slow for
  a training of a hundred steps. The variance is the unbiased one, sum / (n - 1),
  under every backend, as in TensorFlow's fused operation. The weights are those
  of `keras.layers.BatchNormalization`, in the same order; exported networks have
  that layer.
  """

  def call(self, inputs, training=None, mask=None):
    """Normalizes `inputs`, (batch, height, width, channels)."""
    if not training:
      return super().call(inputs, training=False, mask=mask)
    outputs, mean, variance = backend.current().normalize(
      inputs,
      # float32 in mixed precision too.
      ops.convert_to_tensor(self.gamma),
      ops.convert_to_tensor(self.beta),
      self.epsilon,
    )
    self.moving_mean.assign(mean)
    self.moving_variance.assign(variance)
    return outputs


def leave_averaging(model: keras.Model) -> keras.Model:
  """Makes Keras's own batch norms store the batch's statistics in training.

  The recipe then does all the averaging. Layers with four axes become
  `BatchStatistics`, whose fused operation saves a fifth of the time per step and
  a third of the tracing. Other layers get a momentum of 0, which has the same
  effect, except that their variance is sum / n.

  Args:
    model: A network to train, which is changed; networks for export are built
      anew.

  Returns:
    The same model.
  """
  for layer in every_layer(model):
    if type(layer) is keras.layers.BatchNormalization and _is_plain(layer):
      layer.__class__ = BatchStatistics  # Same state, another `call`.
    elif isinstance(layer, keras.layers.BatchNormalization):
      layer.momentum = 0.0
  return model


def _is_plain(layer: keras.layers.BatchNormalization) -> bool:
  axes = layer.input_spec.ndim
  return (
    axes == 4
    and layer.axis in (-1, axes - 1)
    and (layer.center and layer.scale and layer.trainable)
  )
