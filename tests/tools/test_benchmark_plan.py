"""Both prices of a pool agree, and a sample is not taken for the whole."""

import json

import benchmark_plan


def test_one_network_built(tmp_path):
  out = tmp_path / "plan.json"
  assert (
      benchmark_plan.main(
          [
              "--pool=lite", "--base_resolution=32", "--repeat=1", "--built=1",
              f"--out={out}",
          ]
      )
      == 0
  )  # fmt: skip
  found = json.loads(out.read_text())
  assert found["plan_process"]["candidates"] == 64
  assert found["plan_in_process"]["candidates"] == 64
  assert found["keras"]["built"] == 1
  assert found["parameters_equal"] == 1 and not found["parameters_unequal"]
  assert found["keras"]["building_seconds"] > 0
  assert found["seconds"] > found["keras"]["building_seconds"]
  # One network says nothing of 64.
  assert not any(name.startswith("times_faster") for name in found)


def test_difference_in_parameters_is_told(monkeypatch):
  name = "lite-w1-d1-r32"
  figures = {"whole_process_seconds": 1.0, "building_seconds": 1.0}
  monkeypatch.setattr(
    benchmark_plan, "time_building", lambda *arguments: (figures, {name: 1})
  )
  found = benchmark_plan.compare("lite", 32, 1, 1)
  assert found["parameters_equal"] == 0
  assert found["parameters_unequal"] == [name]
