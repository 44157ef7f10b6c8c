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

# Left out by --fast, each named in the summary: comparisons with other packages,
# and whole searches whose parts other tests cover.
SLOW = (
  "test_search.py::test_ray_comes_to_the_same_result",
  "test_search.py::test_killed_in_the_second_round_it_ends_as_if_undisturbed",
  "test_custom_search.py::"
  "test_the_champion_is_verified_and_converted_again[mobilenet_v2",
  "test_docs.py::test_search_begins[docs/scaling-out.md",
  "training/test_jax.py::test_search_trains_without_tensorflow",
  "training/test_jax.py::test_three_steps_are_tensorflows",
  "conversion/quantize/test_qat.py::test_training_ends_where_tfmot_ends",
  "conversion/quantize/test_qat.py::"
  "test_student_computes_what_that_of_tfmot_computes",
  "engine/runners/test_ray.py::test_search_outlives_a_node",
  "engine/runners/test_contract.py::"
  "test_worker_without_memory_or_progress_is_replaced[ray",
  "hardware/memory/test_slicing.py::test_slices_cost_no_accuracy_in_int8",
  "report/test_page.py::test_the_page_of_the_papers_search_is_small",
  "tools/test_benchmark_plan.py::test_one_network_built",
  "tools/test_compare_export.py::test_both_exports_of_a_small_network",
  "tools/test_compare_network.py::test_measured_on_the_scanned_digits",
  "tools/test_compare_quantization.py::test_a_row_for_every_way",
)


def pytest_addoption(parser):
  """Adds --fast."""
  parser.addoption(
    "--fast", action="store_true", help="leave out the slowest comparisons"
  )


def pytest_collection_modifyitems(config, items):
  """Begins with the longest files; within a file nothing is moved."""
  places = {HERE / name: place for place, name in enumerate(LONGEST)}
  items.sort(key=lambda item: places.get(item.path, len(places)))
  if config.getoption("--fast"):
    left_out = pytest.mark.skip(reason="slow, and --fast was given")
    for item in items:
      if item.nodeid.removeprefix("tests/").startswith(SLOW):
        item.add_marker(left_out)


@pytest.fixture
def log(caplog):
  """What the package logs, from INFO on: `log.messages`."""
  caplog.set_level(logging.INFO, "elite_tf")
  return caplog
