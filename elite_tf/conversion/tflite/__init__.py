"""From a Keras model to files for a board."""
