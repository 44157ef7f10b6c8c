"""How the Keras model's answers are asked for."""

import numpy as np
import pytest

from elite_tf.conversion import champion_metrics


def test_accuracy_of_many_images_is_computed_in_parts(
  network, noise, monkeypatch
):
  split = noise.test
  whole = champion_metrics.keras_answers(network, split)
  monkeypatch.setattr(champion_metrics, "EVALUATION_BATCH", 7)
  parts = champion_metrics.keras_answers(network, split)
  assert np.array_equal(parts.classes, whole.classes)
  assert parts.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
