"""result.json and metrics.json as version 0.1.0 wrote them."""

import json

import pytest

from elite_tf.errors import ConfigError
from elite_tf.hardware.boards import Limits, Shortfall
from elite_tf.runs.journal import champion_to_event, event_to_champion
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.results import ChampionEvent, Result, figures_of

CHAMPION = {
  "name": "elite-w4-d4-r10",
  "group": 1,
  "params": 688810,
  "macs": 1236672,
  "val_accuracy": 0.97,
  "test_accuracy_float": 0.98,
  "test_accuracy_int8": 0.96,
  "test_balanced_accuracy_float": 0.975,
  "test_balanced_accuracy_int8": 0.955,
  "tflite_bytes": 821376,
  "arena_bytes": 132000,
  "kind": "int8",
  "estimated_seconds": None,
  "files": ["champions/elite-w4-d4-r10/model.keras"],
}

RESULT = {
  "groups": [
    {
      "group": 1,
      "candidates": ["elite-w4-d4-r13", "elite-w4-d4-r10"],
      "rounds": [
        {
          "round": 1,
          "scores": {"elite-w4-d4-r13": None, "elite-w4-d4-r10": 0.5},
          "eliminated": ["elite-w4-d4-r13"],
          "nu": None,
        }
      ],
      "failures": {"elite-w4-d4-r13": "loss became nan in epoch 2"},
      "champion": "elite-w4-d4-r10",
    }
  ],
  "champions": [CHAMPION],
  "unverified": {},
  "seconds": 185.5,
  "training_seconds": 158.25,
  "step_seconds": 234.0,
  "first_step_seconds": 59.5,
  "convert_seconds": 45.25,
  "candidate_epochs": 80,
  "workers": 2,
}

ANSWERS = {
  "accuracy": 0.75,
  "balanced_accuracy": 0.5,
  "recall": [{"class": "no", "recall": 1.0}, {"class": "yes", "recall": None}],
  "confusion": [[3, 0], [1, 0]],
}


def _file(accuracy, size):
  return {
    "tflite_bytes": size,
    "per_channel_dense": [],
    "images": 4,
    "equal": True,
    "different": 0,
    "first_difference": None,
    **ANSWERS,
    "accuracy": accuracy,
    "arena_bytes": 10 * size,
    "arena_head_bytes": 6 * size,
    "arena_tail_bytes": 4 * size,
    "codes": 88,
    "seconds": 1.5,
  }


METRICS = {
  "name": "elite-w4-d4-r10",
  "test_images": 4,
  "preprocessing": {
    "resolution": 10,
    "crop": False,
    "crop_eighths": 8,
    "filter": "bicubic",
    "pixel_zero": 128,
    "pixel_scale": 0.0078125,
  },
  "test_accuracy_float": 0.75,
  "float": ANSWERS,
  "conversions": {
    "float": _file(0.625, 400),
    "int8": {
      **_file(0.875, 100),
      "quantization": {
        "method": "int8",
        "kind": "int8",
        "val_accuracy_float": 0.98,
        "drop_points": 0.0,
        "tried": [
          {
            "method": "int8",
            "kind": "int8",
            "val_accuracy": 0.98,
            "tflite_bytes": 100,
            "arena_bytes": 1000,
            "seconds": 11.0,
            "details": {"measures": "plain", "candidates": [{"a": 1}]},
          }
        ],
        "skipped": {},
        "noise": [{"layer": "stem", "operator": "MUL", "sqnr_db": 20.5}],
      },
    },
  },
  "seconds": 22.75,
}


def test_files_are_written_as_they_were_read():
  assert Result.from_json(RESULT, "result.json").to_json() == RESULT
  assert Metrics.from_json(METRICS, "metrics.json").to_json() == METRICS


def test_a_title_that_was_taken_is_in_the_file():
  changed = json.loads(json.dumps(RESULT))
  changed["groups"][0]["rejected"] = {"elite-w4-d4-r13": "does not fit"}
  read = Result.from_json(changed, "result.json")
  assert read.groups[0].rejected == {"elite-w4-d4-r13": "does not fit"}
  assert read.to_json() == changed


@pytest.mark.parametrize("key", sorted(RESULT))
def test_a_foreign_file_is_refused_by_its_field(key):
  foreign = {name: value for name, value in RESULT.items() if name != key}
  with pytest.raises(ConfigError, match=f"^result.json: {key} is missing$"):
    Result.from_json(foreign, "result.json")


def test_the_figures_of_a_champion_are_those_of_its_metrics():
  """The float file answered a few images alone: Keras's accuracy counts."""
  metrics = Metrics.from_json(METRICS, "metrics.json")
  assert figures_of(metrics) == {
    "test_accuracy_float": 0.75,
    "test_accuracy_int8": 0.875,
    "test_balanced_accuracy_float": 0.5,
    "test_balanced_accuracy_int8": 0.5,
    "tflite_bytes": 100,
    "arena_bytes": 1000,
    "kind": "int8",
  }


@pytest.mark.parametrize(
  ("names", "size"), [((), None), (("float",), 400)], ids=["none", "float"]
)
def test_figures_without_an_integer_network(names, size):
  files = {name: METRICS["conversions"][name] for name in names}
  changed = {**METRICS, "conversions": files}
  found = figures_of(Metrics.from_json(changed, "metrics.json"))
  assert found["tflite_bytes"] == size and found["kind"] is None
  assert found["test_accuracy_int8"] is None


def test_the_journal_remembers_a_champion():
  champion = Result.from_json(RESULT, "result.json").champions[0]
  event = champion_to_event(ChampionEvent(champion, 22.5))
  assert event == {"event": "champion", "champion": CHAMPION, "seconds": 22.5}
  told = event_to_champion({**event, "time": 1.0, "crc": "00000000"})
  assert told == ChampionEvent(champion, 22.5)


def test_what_a_champion_lacks_is_counted_in_bytes():
  """821,376 bytes of file and 54 KiB of code; an arena of 132,000 bytes."""
  champion = Result.from_json(RESULT, "result.json").champions[0]
  flash = 821_376 + (54 << 10)
  assert champion.shortfall(None, Limits(flash, 132_000)) == Shortfall(0, 0)
  less = Limits(flash - 5, 131_984)
  assert champion.shortfall(None, less) == Shortfall(5, 16)
  assert champion.misfit(None, less) == (
    "does not fit: 5 bytes of flash and 16 of memory are missing, as measured"
  )
  assert champion.misfit(None, Limits()) == ""
