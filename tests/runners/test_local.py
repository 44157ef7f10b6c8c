"""The local runner's side: what it sends to whom, and what it makes of it.

The workers are real processes that speak the real messages, but train nothing
(`fake_worker.py`). What every runner does is tested in test_contract.py.
"""

import os

import pytest

from elite_tf.runners.capacity import default_workers


def _who(outcome):
  (pid,) = {int(epoch.loss) for epoch in outcome.epochs}
  return pid


def _outcomes(runner, *jobs):
  for job in jobs:
    runner.submit(job)
  found = [runner.wait() for _ in jobs]
  return {outcome.name: outcome for outcome in found}


def test_workers_train_at_the_same_time(local_runner, job):
  jobs = [job("slow", number) for number in range(1, 5)]
  found = _outcomes(local_runner(2), *jobs)
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


def test_worker_that_dies_is_replaced_and_its_work_tried_again(
    local_runner, job, heard
):
  found = _outcomes(local_runner(1), job("once"), job("fine"))
  assert all(outcome.error is None for outcome in found.values())
  (line,) = heard.lines
  name = job("once").candidate.name
  assert line.startswith(f"{name}: its worker ended with exit code 3")


def test_work_that_kills_its_worker_twice_has_failed(local_runner, job, heard):
  found = _outcomes(
      local_runner(2), job("dies"), job("fine", 1), job("fine", 2)
  )
  dead = found.pop(job("dies").candidate.name)
  assert dead.error == "its worker died of SIGKILL twice"
  assert dead.epochs == () and (dead.start, dead.stop) == (0, 2)
  # Nobody else has lost anything, and there are workers to go on with.
  assert all(outcome.error is None for outcome in found.values())
  assert len(heard.lines) == 1


def test_survivor_goes_on_where_it_was_traced(local_runner, job):
  """Its own worker is free, so nobody else takes it."""
  runner = local_runner(2)
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
  runner = local_runner(2)
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
  runner = local_runner(2)
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
  runner = local_runner(2)
  found = _outcomes(runner, job("slow", 1), job("slow", 2))
  runner.submit(job("slow", 3))
  with runner:
    pass
  for outcome in found.values():
    with pytest.raises(ProcessLookupError):
      os.kill(_who(outcome), 0)


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
