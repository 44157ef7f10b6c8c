"""Workers by cores and memory, against sums by hand."""

import os

import pytest

from elite_tf.engine.runners import capacity
from elite_tf.engine.runners.capacity import (
  Need,
  default_workers,
  predict_need,
  size,
  workers_in_memory,
)
from elite_tf.engine.runners.gpus import CONTEXT_BYTES, Gpu
from elite_tf.networks.cost import network_size
from elite_tf.runs import plan as planning
from elite_tf.runs.presets import resolve
from elite_tf.types import Layer


@pytest.mark.parametrize(
    ("cores", "candidates", "expected"),
    [
        (1, 64, (1, 1)), (2, 64, (2, 1)), (16, 64, (16, 1)), (16, 4, (4, 4)),
        (3, 2, (2, 1)), (8, 1, (1, 8)),
    ],
)  # fmt: skip
def test_default_is_a_worker_a_core(monkeypatch, cores, candidates, expected):
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
  assert default_workers(candidates) == expected


@pytest.mark.parametrize(
  ("free", "expected"),
  [
    (10_000, 4),
    (4 * 100 + 5 + 4 + 3 + 2, 4),
    (4 * 100 + 5 + 4 + 3 + 1, 3),
    (3 * 100 + 5 + 4 + 3 - 1, 2),
    (2 * 100 + 5 + 4 - 1, 1),
    (0, 1),
  ],
)
def test_fewer_workers_where_memory_is_short(free, expected):
  """The heaviest may be trained at the same time."""
  assert workers_in_memory(4, [1, 5, 2, 4, 3], 100, free) == expected


def test_need_of_a_candidate():
  layers = [
    Layer("a", "input", (), (4, 4, 2)),
    Layer("b", "dense", ("a",), (10,)),
  ]
  extent = network_size(layers)
  assert predict_need(extent, params=1000, batch_size=5) == Need(
    held=2 * (1 << 20) + 3 * 20 * 1000, training=round(1.6 * 42 * 5 * 4)
  )


@pytest.fixture
def search():
  settings = resolve({}, "quick")
  return settings, *planning.plan_for_data(settings)


def test_size_of_a_search(search, monkeypatch):
  settings, plan, data = search
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
  workers, threads, loads = size(settings, plan, data, 64 << 30)
  assert (workers, threads) == (4, 1)
  assert loads.macs == {
    c.name: k.macs for c, k in zip(plan.candidates, plan.costs)
  }
  # 1,797 images of 8 x 8 pixels, resized to 16 x 16.
  base = (750 << 20) + 1797 * (64 + 256)
  assert loads.room == (64 << 30) / 4 - base
  heaviest = sorted(map(sum, loads.needs.values()))[-2:]
  for less, expected in ((0, 2), (1, 1)):
    free = 2 * base + sum(heaviest) - less
    assert size(settings, plan, data, free)[0] == expected


def test_workers_share_a_gpu_by_the_heaviest_candidate(search, monkeypatch):
  settings, plan, data = search
  monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
  _, _, loads = size(settings, plan, data, 64 << 30)
  heaviest = max(sum(need) for need in loads.needs.values())
  cards = [Gpu("0", 3 * (heaviest + CONTEXT_BYTES))]
  assert size(settings, plan, data, 64 << 30, cards)[:2] == (3, 2)
  # What one of several has least of is what all are counted with.
  cards.append(Gpu("1", heaviest + CONTEXT_BYTES))
  assert size(settings, plan, data, 64 << 30, cards)[:2] == (2, 3)


def test_number_of_workers_that_was_asked_for_is_taken(search):
  settings = resolve({"workers": 7}, "quick")
  assert size(settings, *search[1:], 1 << 20)[0] == 7


def test_memory_that_is_free_here():
  """Between a tenth of what the machine has and all of it."""
  pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
  assert 0 < capacity.free_bytes() <= pages


def test_limit_of_the_control_group(tmp_path, monkeypatch):
  group = tmp_path / "a"
  group.mkdir()
  (tmp_path / "own").write_text("0::/a\n")
  (group / "memory.max").write_text("5000\n")
  (group / "memory.current").write_text("2000\n")
  places = {"/proc/self/cgroup": tmp_path / "own", "/sys/fs/cgroup": tmp_path}
  path = capacity.Path
  monkeypatch.setattr(
    capacity, "Path", lambda name, *more: path(places.get(name, name), *more)
  )
  assert capacity.free_bytes() == 3000
  (group / "memory.max").write_text("max\n")
  assert capacity.free_bytes() > 3000
