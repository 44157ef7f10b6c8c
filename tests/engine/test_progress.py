"""What a person sees of a search: in a log, and on a terminal."""

import io
import logging

import pytest
from rich.console import Console

from elite_tf.engine.progress import Progress, percent
from elite_tf.runs import plan as planning
from elite_tf.runs.presets import resolve
from elite_tf.system.cli import show_log
from elite_tf.system.text import duration
from elite_tf.tournament.bracket import Bracket, Rules, play
from elite_tf.types import Epoch, Outcome


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (42.4, "42 s"), (99, "99 s"), (120, "2 min"),
        (3600, "60 min"), (3.5 * 3600, "3.5 h"), (4.2 * 86400, "4.2 d"),
    ],
)  # fmt: skip
def test_duration(seconds, text):
  assert duration(seconds) == text


def test_percent():
  assert percent(0.98765) in ("98.77 %", "98.76 %")
  assert percent(None) == "failed"


class Scripted:
  """A runner that tells the progress what a real one would."""

  def __init__(self, progress, fails=""):
    self.progress = progress
    self.fails = fails
    self.jobs = []

  def submit(self, job):
    self.jobs.append(job)

  def wait(self):
    job = self.jobs.pop(0)
    name = job.candidate.name
    self.progress.on_start(job)
    if name == self.fails:
      return Outcome(name, job.start, job.stop, (), "loss became nan")
    epochs = []
    for number in range(job.start + 1, job.stop + 1):
      epochs.append(Epoch(number, 1.0, 0.5, 1.0, 0.875, 2.0))
      self.progress.on_epoch(name, epochs[-1])
    return Outcome(name, job.start, job.stop, tuple(epochs))

  def release(self, name):
    pass


def _played(terminal, fails=""):
  console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
  settings = resolve({}, "quick")
  plan, _ = planning.plan_for_data(settings)
  rules = Rules(settings.round_epochs, settings.epochs)
  brackets = [
    Bracket(number, group, rules)
    for number, group in enumerate(plan.groups(), start=1)
  ]
  with (
    show_log(console),
    Progress(console, plan, brackets, rules, 2) as progress,
  ):
    play(brackets, Scripted(progress, fails), progress)
    logging.getLogger("elite_tf.anywhere").info("a [line] of its own")
  return console.file.getvalue(), brackets


def test_log_tells_every_round_and_every_champion():
  text, brackets = _played(terminal=False)
  assert "\x1b" not in text, "no control codes in a file"
  for bracket in brackets:
    assert f"group {bracket.group}: round 1 leaves 2 of 4" in text
    assert f"group {bracket.group}: round 2 leaves 1 of 2" in text
    assert f"group {bracket.group}: champion {bracket.champion}" in text
    for name in bracket.candidates:
      assert f"{name} at epoch 4, score 87.50 %" in text
  # Conversion, which follows, is not in the estimate.
  assert "about 0 s of training left" in text
  assert "a [line] of its own" in text
  # A line of the log is one line of the file, however long.
  assert all(line.startswith("[") for line in text.splitlines())


@pytest.mark.parametrize("terminal", [False, True])
def test_failures_are_told_with_their_reason(terminal):
  plain, brackets = _played(terminal=False)
  name = next(iter(brackets[0].candidates))
  text, _ = _played(terminal, fails=name)
  assert f"{name} failed: loss became nan" in text
  assert "failed" not in plain


def test_terminal_shows_everybody_whole():
  """The table that is drawn anew, before and at the end of a search."""
  text, brackets = _played(terminal=True)
  assert "…" not in text
  for bracket in brackets:
    assert bracket.champion in text
