"""The networks of the paper as Keras models, as in keras.applications."""

import elite_tf

classifier = elite_tf.EfficientNetELite9(classes=10, input_shape=(96, 96, 1))
print(f"{classifier.name}: {classifier.count_params():,} parameters")

features = elite_tf.EfficientNetHF5(include_top=False, pooling="avg")
print(f"{features.name}: {features.output_shape[-1]} features")
