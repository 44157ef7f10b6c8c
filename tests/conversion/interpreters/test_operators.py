"""The operators of TensorFlow Lite Micro, against networks that it ran."""

import pytest

from elite_tf.conversion.interpreters import operators
from elite_tf.errors import VerificationFailed

# Those of the families' networks: all of them run, see the other tests.
RUN = (
    "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "HARD_SWISH", "LOGISTIC", "MEAN",
    "MUL", "QUANTIZE", "RESHAPE", "SOFTMAX",
)  # fmt: skip


def test_what_runs_is_registered():
  assert operators.registered_operators(RUN) == set(RUN)
  assert operators.require_operators(RUN) is None


def test_what_it_lacks_is_named():
  # Those of the standard that its documentation does not list.
  lacking = ("CONV_3D", "RANDOM_UNIFORM", "UNIQUE")
  assert operators.registered_operators(("ADD", *lacking)) == {"ADD"}
  with pytest.raises(VerificationFailed, match="CONV_3D, Mine"):
    operators.require_operators(("ADD", "Mine", "CONV_3D"))


def test_a_dead_child_is_an_error(monkeypatch):
  monkeypatch.setattr(operators.processes, "start", _dying)
  with pytest.raises(VerificationFailed, match="ended with exit code 3"):
    operators.registered_operators(("SUB",))


def _dying(*arguments, **options):
  import subprocess
  import sys

  del arguments
  return subprocess.Popen(
      [sys.executable, "-c", "raise SystemExit(3)"],
      start_new_session=True, **options,
  )  # fmt: skip
