"""The Ray runner on a cluster of one core, and of two nodes of one each.

Its workers are actors in real processes; what they train is faked.
"""

import os
import time
from pathlib import Path

import pytest

from elite_tf.errors import ConfigError, EliteError
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.tournament.bracket import Bracket, Observer, Rules, play
from elite_tf.types import Candidate

ray = pytest.importorskip("ray", reason="Ray is not installed: elite-tf[ray]")

from elite_tf.engine.runners import ray_cluster, ray_workers  # noqa: E402

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def cluster():
  from ray.cluster_utils import Cluster

  os.environ["RAY_AUTH_MODE"] = "disabled"  # Or it writes a file at home.
  os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
  head = {**NODE, "include_dashboard": False}
  cluster = Cluster(initialize_head=True, head_node_args=head)
  yield cluster
  cluster.shutdown()


@pytest.fixture(scope="module")
def ray_here(cluster):
  with ray_cluster.connect(cluster.address):
    yield ray_workers
  assert not ray.is_initialized()


def _outcomes(runner, *jobs):
  for job in jobs:
    runner.submit(job)
  found = [runner.wait() for _ in jobs]
  return {outcome.name: outcome for outcome in found}


def _who(outcome):
  (pid,) = {int(epoch.loss) for epoch in outcome.epochs}
  return pid


ONE = {"cpus_per_candidate": 1.0}


def test_search_outlives_a_node_lost_in_the_middle_of_a_round(
  cluster, ray_runner, heard, accuracy
):
  """Two groups of four; one of two nodes is gone while it trains."""
  node = cluster.add_node(**NODE)
  cluster.wait_for_nodes()
  runner = ray_runner(2, settings=ONE)
  while not all(worker.ready for worker in runner._workers):
    for worker in runner._heard(1.0):
      runner._hear(worker)
  (there,) = [w for w in runner._workers if w.node == node.node_id]

  class Unplug(Observer):
    pulled = False

    def on_outcome(self, bracket, outcome):
      if there.request is not None and not self.pulled:
        self.pulled = True
        cluster.remove_node(node)

  brackets = [
    Bracket(
      group,
      [Candidate("slow", group, d, 1, 1.0, 1.0, 32) for d in range(1, 5)],
      Rules(round_epochs=2, epochs=6),
    )
    for group in (1, 2)
  ]
  play(brackets, runner, Unplug())
  for bracket in brackets:
    assert bracket.failures == {}
    # By hand: the curves are parallel, so the order is that of any epoch.
    order = sorted(
      bracket.candidates, key=lambda n: -accuracy(bracket.candidates[n], 1)
    )
    assert bracket.champion == order[0]
    assert [played.eliminated for played in bracket.rounds] == [
        tuple(order[2:]), (order[1],)
    ]  # fmt: skip
  # It was at work, and its work was done by the other.
  (line,) = heard.lines
  assert line.endswith("; trying once more")


def test_workers_without_room_wait_and_the_others_work(ray_runner, job):
  """Three workers of half a core on one core: two of them."""
  runner = ray_runner(3, settings={"cpus_per_candidate": 0.5})
  assert len(runner) == 3
  end = time.monotonic() + 60
  while ray.available_resources().get("CPU", 0) > 0:
    assert time.monotonic() < end, ray.available_resources()
    time.sleep(0.05)
  found = _outcomes(runner, *[job("fine", number) for number in range(1, 7)])
  assert all(outcome.error is None for outcome in found.values())


def test_survivor_goes_on_where_it_was_traced(ray_runner, job, tmp_path):
  runner = ray_runner(2)
  first = _outcomes(runner, job("slow", 1), job("slow", 2))
  # In the other order, to tell it from chance.
  later = [job("slow", number, start=2, stop=4) for number in (2, 1)]
  second = _outcomes(runner, *later)
  for name, outcome in first.items():
    assert _who(second[name]) == _who(outcome)
    runner.release(name)
  _outcomes(runner, job("slow", 3), job("slow", 4))
  for name, outcome in first.items():
    where = int((tmp_path / f"{name}.released").read_text())
    assert where == _who(outcome)


def test_user_is_warned_that_nothing_starts(
  ray_runner, job, monkeypatch, heard
):
  monkeypatch.setattr(ray_workers, "PATIENCE", 0.1)

  class Heard(Exception):
    pass

  def warning(line):
    raise Heard(line)

  runner = ray_runner(1, settings={"cpus_per_candidate": 5.0})
  monkeypatch.setattr(ray_workers.logger, "warning", warning)
  runner.submit(job("fine"))
  with pytest.raises(Heard, match="waiting until a node of the cluster"):
    runner.wait()


def test_run_folder_that_a_node_does_not_see(ray_runner, job, tmp_path):
  runner = ray_runner(1)
  (tmp_path / "config.json").unlink()
  runner._workers.append(runner._start())
  runner._end(runner._workers.pop(0))
  runner.submit(job("fine"))
  with pytest.raises(
    ConfigError, match="--run_dir must be .* which node .* does not have"
  ):
    runner.wait()


def test_worker_that_cannot_start_ends_the_search(ray_here, tmp_path, job):
  (tmp_path / "config.json").touch()

  def make(tell, setup):
    raise ImportError("no such\nlibrary")

  with ray_here.RayWorkers(
    Settings(cpus_per_candidate=0.5), RunFolder(tmp_path), 1, make=make
  ) as runner:
    runner.submit(job("fine"))
    said = "a worker cannot start on node .*: ImportError: no such library$"
    with pytest.raises(EliteError, match=said):
      runner.wait()


@pytest.mark.parametrize(
  ("nodes", "cpus", "gpus", "slots"),
  [
    ([{"CPU": 4.0}], 1, 0, 4),
    ([{"CPU": 4.0}, {"CPU": 3.0}], 2, 0, 3),  # One core is left over.
    ([{"CPU": 1.0}], 0.1, 0, 10),
    ([{"CPU": 1.0}], 0.3, 0, 3),
    ([{"CPU": 8.0, "GPU": 1.0}, {"CPU": 64.0}], 1, 0.25, 4),
    ([{"CPU": 2.0, "GPU": 4.0}], 1, 1, 2),
    ([{"memory": 1e9}, {"CPU": 1.0}], 1, 0, 1),
  ],
)
def test_slots_by_hand(nodes, cpus, gpus, slots):
  assert ray_cluster.count_slots(nodes, cpus, gpus) == slots


@pytest.mark.parametrize(
  ("nodes", "cpus", "gpus"),
  [([], 1, 0), ([{"CPU": 2.0}], 3, 0), ([{"CPU": 2.0}], 1, 0.5)],
)
def test_no_node_has_room(nodes, cpus, gpus):
  with pytest.raises(ConfigError) as caught:
    ray_cluster.count_slots(nodes, cpus, gpus)
  most = 2 if nodes else 0
  assert str(caught.value) == (
    "--cpus_per_candidate and --gpus_per_candidate must fit a node of the"
    f" cluster, whose nodes have at most {most} CPU and 0 GPU."
    f" Received: {cpus} and {gpus}"
  )


@pytest.mark.parametrize(
  ("data", "expected"),
  [
    ("npz:my.npz", "npz:{}/my.npz"),
    ("digits", "digits"),
    ("tfds:mnist", "tfds:mnist"),
  ],
)
def test_paths_are_those_of_the_driver(tmp_path, monkeypatch, data, expected):
  monkeypatch.chdir(tmp_path)
  Path("my.npz").touch()
  folder = RunFolder(tmp_path / "run")
  settings = Settings(data=data, run_dir="run", cache_dir="cache")
  found = ray_workers._absolute(settings, folder)
  assert found == Settings(
    data=expected.format(tmp_path),
    run_dir=f"{tmp_path}/run",
    cache_dir=f"{tmp_path}/cache",
  )
