"""From a trained network to a verified .tflite file."""
