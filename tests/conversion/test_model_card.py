"""A champion's model card: what the hub reads, and what a person does."""

import pytest

from elite_tf.conversion import model_card
from elite_tf.data import preprocess
from elite_tf.data.sources import Description
from elite_tf.runs.metrics import (
  ClassifierMetrics,
  ConversionMetrics,
  Metrics,
  Preprocessing,
)

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

NAMES = ("cat: 'x'", "dog\n---\n# <script>", "owl | `y`")
DESCRIPTION = Description('toys "2" #1', 3, 1, 8, 8, NAMES, 300)


FLOAT = ClassifierMetrics(0.92, 0.915, (), ())


def _file(accuracy, size, arena):
  return ConversionMetrics(
    tflite_bytes=size,
    per_channel_dense=(),
    images=71,
    equal=True,
    different=0,
    first_difference=None,
    accuracy=accuracy,
    confusion=(),
    arena_bytes=arena,
    arena_head_bytes=arena,
    arena_tail_bytes=0,
    codes=88,
    seconds=1.5,
    balanced_accuracy=0.91,
    recall=(),
  )


INT8 = _file(0.9154929577464789, 123456, 65432)


def _metrics(**conversions):
  return Metrics(
    name="elite-w4-d4-r8",
    test_images=71,
    preprocessing=Preprocessing(**preprocess.describe(8, False)),
    test_accuracy_float=FLOAT.accuracy,
    float_=FLOAT,
    conversions=conversions,
  )


METRICS = _metrics(float=_file(0.5, 345678, 98765), int8=INT8)


def _parts(text):
  """Returns (front matter, text) of a card."""
  first, front, rest = text.split("---\n", 2)
  assert first == ""
  return yaml.safe_load(front), rest


def test_front_matter_is_what_the_hub_reads():
  front, _ = _parts(model_card.model_card(METRICS, DESCRIPTION, 688_810))
  assert front["library_name"] == "keras"
  assert front["pipeline_tag"] == "image-classification"
  assert "license" not in front, "nobody has chosen one"
  (model,) = front["model-index"]
  assert model["name"] == METRICS.name
  (result,) = model["results"]
  assert result["task"]["type"] == "image-classification"
  assert result["dataset"]["name"] == DESCRIPTION.name
  assert [m["value"] for m in result["metrics"]] == [
    FLOAT.accuracy,
    INT8.accuracy,
  ], "the float file's own accuracy is of 64 images"
  assert {m["type"] for m in result["metrics"]} == {"accuracy"}


def test_text_has_the_figures_and_nothing_of_the_names_runs():
  _, text = _parts(model_card.model_card(METRICS, DESCRIPTION, 688_810))
  for figure in (
    "688,810",
    "91.55 %",
    "92.00 %",
    "123,456",
    "65,432",
    "345,678",
  ):
    assert figure in text, figure
  assert "<script>" not in text
  assert "\n---\n" not in text
  assert "model_int8.tflite" in text


@pytest.mark.parametrize("kinds", [(), ("float",), ("float", "int16x8")])
def test_firmware_is_named_for_int8_alone(kinds):
  metrics = _metrics(**dict.fromkeys(kinds, INT8))
  front, text = _parts(model_card.model_card(metrics, DESCRIPTION, 1))
  assert "elite_tf.deploy" not in text
  (result,) = front["model-index"][0]["results"]
  assert len(result["metrics"]) == 1 + ("int16x8" in kinds)


def test_text_says_where_the_first_weights_are_from():
  card = model_card.model_card(METRICS, DESCRIPTION, 1, "EfficientNet-Lite0")
  _, text = _parts(card)
  assert "began with weights of EfficientNet-Lite0" in text
  _, text = _parts(model_card.model_card(METRICS, DESCRIPTION, 1))
  assert "began" not in text
