"""What cannot be deployed is told of an untrained network."""

import keras
import pytest

from elite_tf.conversion import trial
from elite_tf.errors import ConfigError, VerificationFailed
from elite_tf.networks import custom_cost, custom_worker
from elite_tf.networks.custom_worker import Request
from elite_tf.runs import plan as planning
from elite_tf.runs.presets import resolve
from elite_tf.system import processes
from elite_tf.types import Candidate

NETS = """
import keras
def sines(width, depth, resolution, classes, channels):
  image = keras.Input((resolution, resolution, channels))
  x = keras.layers.GlobalAveragePooling2D()(keras.ops.sin(image))
  return keras.Model(image, keras.layers.Dense(classes, "softmax")(x))
"""


def _network(operation=lambda x: x, first="zeros"):
  image = keras.Input((8, 8, 1))
  x = keras.layers.Conv2D(4, 3, kernel_initializer=first)(image)
  x = keras.layers.GlobalAveragePooling2D()(operation(x))
  outputs = keras.layers.Dense(2, "softmax", kernel_initializer=first)(x)
  return keras.Model(image, outputs, name="small")


@pytest.mark.parametrize("quantize", ["int8", "int16x8", "none"])
def test_a_network_of_zeros_passes(quantize):
  """Its training makes something else of it."""
  trial.check(_network(), quantize)


@pytest.mark.parametrize(
  ("operation", "quantize", "error", "said"),
  [
    (keras.ops.sin, "int8", VerificationFailed, "Sin"),
    (keras.ops.sin, "qat", VerificationFailed, "Sin"),
    (keras.ops.sin, "int16x8", ConfigError, "'SIN'"),
    (keras.activations.gelu, "none", VerificationFailed, "GELU"),
  ],
)
def test_an_operator_that_cannot_be_deployed(operation, quantize, error, said):
  with pytest.raises(error, match=said):
    trial.check(_network(operation, "glorot_uniform"), quantize)


def test_it_is_told_while_the_networks_are_priced(tmp_path, monkeypatch):
  (tmp_path / "sinenets.py").write_text(NETS)
  monkeypatch.chdir(tmp_path)
  # Another test of this process may have loaded TensorFlow.
  monkeypatch.setattr(custom_worker.backend, "load_keras", lambda *_: keras)
  one = Candidate("sinenets:sines", 4, 4, 4, 0.5, 0.5, 8, 1, 10)
  said = (
    "--pool=sinenets:sines: sines-w4-d4-r8, untrained, cannot be converted with"
    " --quantize=int8: The network must be all integers."
  )
  ask = Request((one,), False, trial.__name__, "int8")
  with pytest.raises(ConfigError) as caught:
    list(custom_worker.prices(ask))
  assert str(caught.value).startswith(said)
  assert len(list(custom_worker.prices(Request((one,), False)))) == 2


def test_prices_that_are_known_are_not_tried_again(monkeypatch):
  """A search asks for a trial; a plan without data does not."""
  asked = []

  def start(*arguments, **options):
    raise AssertionError("a process was started")

  def ask(request, patience):
    asked.append((request.trial, request.quantize))
    found = {c.name: custom_cost.Price(COST, SIZE) for c in request.candidates}
    source = custom_worker.Source(__file__, custom_worker.digest(__file__))
    return custom_cost.Prices(
      custom_cost._key(request.candidates[0]), source, found
    )

  from elite_tf.engine import prepare_search
  from elite_tf.types import Cost, Size

  COST, SIZE = Cost(10, 10), Size(1, 1)
  monkeypatch.setattr(processes, "start", start)
  monkeypatch.setattr(custom_cost, "_ask", ask)
  settings = resolve(
    {"pool": "nets:mine", "quantize": "qat", "base_resolution": 16}
  )
  known = prepare_search.prepare_search(settings).plan.prices
  assert asked == [("elite_tf.conversion.trial", "qat")]
  planning.make_plan(settings, 10, 1, 16, known, trial.__name__)
  assert len(asked) == 1
