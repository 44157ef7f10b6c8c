"""The tools find one another in their folder, as when they are run."""

import sys
from pathlib import Path

import pytest

from elite_tf.networks.families import FAMILIES

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))


@pytest.fixture(autouse=True)
def resnet8_is_known(monkeypatch):
  """Here, and in no other test: the registry is the whole process's."""
  import resnet8

  monkeypatch.setitem(FAMILIES, resnet8.NAME, resnet8.FAMILY)
