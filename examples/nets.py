"""A custom family: small residual networks of separable convolutions."""

import keras
from keras import layers


def tiny(width, depth, resolution, classes, channels=3):
  def convolve(x, filters, kind=layers.SeparableConv2D, **more):
    x = kind(filters, 3, padding="same", use_bias=False, **more)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))

  filters = max(8, round(32 * width))
  image = keras.Input((resolution, resolution, channels))
  x = convolve(image, filters, layers.Conv2D)
  for step in (1, 2):
    x = convolve(x, step * filters, strides=2)
    for _ in range(round(3 * depth)):
      x = layers.Add()([x, convolve(x, step * filters)])
  x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
  return keras.Model(image, layers.Dense(classes, "softmax")(x))
