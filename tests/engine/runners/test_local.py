"""The local runner's side: what it sends to whom, and what it makes of it.

The workers are real processes that speak the real messages, but train nothing
(`fake_worker.py`). What every runner does is tested in test_contract.py.
"""

import os
import signal
import time

import pytest

from elite_tf.engine.runners.capacity import Loads, Need
from elite_tf.engine.runners.gpus import Gpu
from elite_tf.errors import SearchFailed


def _who(outcome):
  (pid,) = {int(epoch.loss) for epoch in outcome.epochs}
  return pid


def _all_ready(runner):
  for worker in runner._workers:
    runner._hear(worker)  # The first thing that it says.
  return runner


def _outcomes(runner, *jobs):
  for job in jobs:
    runner.submit(job)
  found = [runner.wait() for _ in jobs]
  return {outcome.name: outcome for outcome in found}


def test_workers_train_at_the_same_time(local_runner, job):
  jobs = [job("slow", number) for number in range(1, 5)]
  found = _outcomes(_all_ready(local_runner(2)), *jobs)
  assert len({_who(outcome) for outcome in found.values()}) == 2


def test_heavier_groups_come_first(local_runner, job, heard):
  jobs = [
    job("fine", 1, group=3),
    job("fine", 2, group=1),
    job("fine", 3, group=2),
    job("fine", 4, group=1),
  ]
  _outcomes(local_runner(1), *jobs)
  names = [job("fine", number).candidate.name for number in (2, 4, 3, 1)]
  assert heard.started == names


def test_heaviest_of_a_group_comes_first(local_runner, job, heard):
  jobs = [
    job("fine", n, group) for n, group in ((1, 2), (2, 2), (3, 1), (4, 1))
  ]
  names = [each.candidate.name for each in jobs]
  loads = Loads(macs=dict(zip(names, (7, 9, 3, 5))))
  _outcomes(local_runner(1, loads=loads), *jobs)
  assert heard.started == [names[3], names[2], names[1], names[0]]


def test_candidate_used_least_lately_gives_way_where_memory_is_short(
  local_runner, job, tmp_path
):
  jobs = [job("fine", number) for number in (1, 2, 3)]
  names = [each.candidate.name for each in jobs]
  needs = dict(zip(names, (Need(30, 20), Need(40, 10), Need(20, 20))))
  runner = local_runner(1, loads=Loads(needs=needs, room=100))

  def train(number, start, forgotten):
    (answer,) = _outcomes(
      runner, job("fine", number, start=start, stop=start + 1)
    ).values()
    assert answer.error is None
    found = {n for n in names if (tmp_path / f"{n}.released").exists()}
    assert found == {names[each - 1] for each in forgotten}

  train(1, 0, [])
  train(2, 0, [])  # 30 + 40 + 10 fits.
  train(1, 1, [])
  train(3, 0, [2])  # 40 + 30 + 20 + 20 does not; 1 was used after 2.
  train(2, 1, [2])  # 30 + 20 + 40 + 10 does, just.
  for file in tmp_path.glob("*.released"):
    file.unlink()
  train(1, 2, [3])  # 20 + 40 + 30 + 20 does not.


def test_reason_of_a_death_is_told(local_runner, job, heard):
  found = _outcomes(local_runner(1), job("once"), job("dies"))
  name = job("once").candidate.name
  assert heard.lines[0] == (
    f"{name}: its worker ended with exit code 3; trying once more"
  )
  assert found[name].error is None
  dead = found[job("dies").candidate.name]
  assert dead.error == "its worker died of SIGKILL twice"


def test_work_is_tried_once_more_in_every_round(local_runner, job, tmp_path):
  """Two deaths of one candidate, a round apart, are not twice."""
  runner = local_runner(1)
  for start in (0, 2, 4):
    (tmp_path / "died").unlink(missing_ok=True)
    work = job("once", start=start, stop=start + 2)
    (outcome,) = _outcomes(runner, work).values()
    assert outcome.error is None
    assert (tmp_path / "died").exists()


def test_slow_epochs_are_not_taken_to_hang(local_runner, job, heard):
  """Nor is the time counted in which a worker waits."""
  runner = local_runner(1, settings={"epoch_timeout": 2})
  _outcomes(runner, job("fine"))
  time.sleep(2.1)
  found = _outcomes(runner, job("slow", 1), job("slow", 2))
  assert heard.lines == []
  assert all(outcome.error is None for outcome in found.values())


def test_worker_killed_while_it_waits_costs_nobody_a_try(local_runner, job):
  runner = local_runner(1)
  (first,) = _outcomes(runner, job("fine")).values()
  os.kill(_who(first), signal.SIGKILL)
  time.sleep(0.3)
  (second,) = _outcomes(runner, job("once", start=0)).values()
  assert second.error is None


@pytest.mark.parametrize(
  ("workers", "starts", "lines"),
  [
    (1, "x.", []),
    (2, "xx.", ["a worker ended with exit code 7: 1 are left"]),
  ],
)
def test_worker_that_does_not_start(
  local_runner, job, heard, tmp_path, workers, starts, lines
):
  (tmp_path / "starts").write_text(starts)
  if workers == 2:  # One is there before the other one fails.
    (tmp_path / "starts").write_text(".")
    runner = local_runner(1)
    _outcomes(runner, job("fine"))
    (tmp_path / "starts").write_text(starts)
    runner._workers.append(runner._start())
  else:
    runner = local_runner(1)
  found = _outcomes(runner, job("slow", 1), job("slow", 2), job("slow", 3))
  while lines != heard.lines:
    found |= _outcomes(runner, job("slow", 4))
  assert all(outcome.error is None for outcome in found.values())


def test_no_worker_can_be_started(local_runner, job, tmp_path):
  (tmp_path / "starts").write_text("xx")
  runner = local_runner(1)
  runner.submit(job("fine"))
  with pytest.raises(SearchFailed) as caught:
    runner.wait()
  assert str(caught.value) == (
    "no worker can be started: it ended with exit code 7"
  )


def test_survivor_goes_on_where_it_was_traced(local_runner, job):
  """Its own worker is free, so nobody else takes it."""
  runner = _all_ready(local_runner(2))
  first = _outcomes(runner, job("slow", 1), job("slow", 2))
  # In the other order, to tell it from chance.
  later = [job("slow", number, start=2, stop=4) for number in (2, 1)]
  second = _outcomes(runner, *later)
  for name, outcome in first.items():
    assert _who(second[name]) == _who(outcome)
  assert len({_who(outcome) for outcome in first.values()}) == 2


@pytest.mark.parametrize(("family", "moves"), [("fine", False), ("long", True)])
def test_move_to_another_worker_has_to_pay(
  local_runner, job, tmp_path, family, moves
):
  """Its worker is busy: five seconds of tracing against what training takes.

  Two epochs of a millisecond wait; two of a hundred seconds do not.
  """
  runner = _all_ready(local_runner(2))
  (first,) = _outcomes(runner, job(family)).values()
  # The first worker is taken by another candidate, the second one is free.
  later = _outcomes(runner, job("slow"), job(family, start=2, stop=4))
  assert _who(later[job("slow").candidate.name]) == _who(first)
  assert (_who(later[first.name]) != _who(first)) == moves
  # Where it has moved it is at home now; its old worker may forget it.
  last = _outcomes(runner, job("slow"), job(family, start=4, stop=6))
  assert _who(last[first.name]) == _who(later[first.name])
  forgotten = tmp_path / f"{first.name}.released"
  assert forgotten.exists() == moves
  if moves:
    assert int(forgotten.read_text()) == _who(first)


def test_release_reaches_the_worker_that_has_it(local_runner, job, tmp_path):
  runner = _all_ready(local_runner(2))
  found = _outcomes(runner, job("slow", 1), job("slow", 2))
  for name in found:
    runner.release(name)
    runner.release(name)  # Once more is no error, nor is a name unknown.
  runner.release("nobody")
  _outcomes(runner, job("slow", 3), job("slow", 4))
  for name, outcome in found.items():
    where = int((tmp_path / f"{name}.released").read_text())
    assert where == _who(outcome)


def test_close_ends_the_workers(local_runner, job):
  runner = _all_ready(local_runner(2))
  found = _outcomes(runner, job("slow", 1), job("slow", 2))
  runner.submit(job("slow", 3))
  with runner:
    pass
  for outcome in found.values():
    with pytest.raises(ProcessLookupError):
      os.kill(_who(outcome), 0)


def test_workers_share_the_gpus_evenly(local_runner, job):
  cards = (Gpu("GPU-aa", 1), Gpu("GPU-bb", 1))
  runner = local_runner(workers=3, cards=cards)
  assert [w.gpu for w in runner._workers] == ["GPU-aa", "GPU-bb", "GPU-aa"]
  runner._workers[1].process.kill()
  runner.submit(job("fake"))
  assert runner.wait().error is None
  # The new one has the place of the one that died.
  assert sorted(w.gpu for w in runner._workers) == [
    "GPU-aa",
    "GPU-aa",
    "GPU-bb",
  ]
