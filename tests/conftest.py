"""What all tests share."""

import logging

import pytest


@pytest.fixture
def log(caplog):
  """What the package logs, from INFO on: `log.messages`."""
  caplog.set_level(logging.INFO, "elite_tf")
  return caplog
