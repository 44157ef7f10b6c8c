"""Pairs of the same network and seed, and the settings that they are given."""

import argparse

import compare_settings
import pytest


def _flags(**given):
  values = {
      "data": "digits", "vary": "recipe=paper,small", "set": ["dropout=0.1"],
      "pool": "edge", "include": "*", "levels": 4, "train_images": 100,
      "test_images": 50, "epochs": 3, "seeds": [0, 1], "workers": 1,
  }  # fmt: skip
  return argparse.Namespace(**{**values, **given})


def test_gains_are_means_over_pairs(monkeypatch):
  asked = []
  accuracies = iter([0.50, 0.60, 0.53, 0.67])

  def train(given, folder, epochs, workers):
    asked.append((given["recipe"], given["seed"], given["dropout"], epochs))
    return {"edge-w1-d1-r16": next(accuracies)}

  monkeypatch.setattr(compare_settings, "train", train)
  found = compare_settings.compare(_flags())
  assert asked == [
      ("paper", 0, 0.1, 3), ("paper", 1, 0.1, 3),
      ("small", 0, 0.1, 3), ("small", 1, 0.1, 3),
  ]  # fmt: skip
  (gain,) = found["gains"].values()
  # 3 and 7 points: their mean, and their sample standard deviation.
  assert gain["mean_points"] == pytest.approx(5.0)
  assert gain["sd_points"] == pytest.approx(8**0.5)
  assert gain["pairs"] == 2
