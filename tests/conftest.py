"""What all tests share."""

import logging
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# The files that take longest, the longest first: one begun at the end would
# leave the other cores with nothing to do.
LONGEST = (
  "test_search.py",
  "conversion/quantize/test_qat.py",
  "networks/test_to_keras.py",
  "test_convert.py",
  "engine/test_survival.py",
  "test_docs.py",
  "training/test_jax.py",
  "engine/runners/test_contract.py",
  "training/test_trainer.py",
  "test_custom_search.py",
  "conversion/quantize/test_methods.py",
  "conversion/quantize/test_stress.py",
  "engine/runners/test_ray.py",
)


def pytest_collection_modifyitems(items):
  """Begins with the longest files; within a file nothing is moved."""
  places = {HERE / name: place for place, name in enumerate(LONGEST)}
  items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture
def log(caplog):
  """What the package logs, from INFO on: `log.messages`."""
  caplog.set_level(logging.INFO, "elite_tf")
  return caplog
