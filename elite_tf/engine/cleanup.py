"""What a search keeps on the disk while it is played, and what it removes."""

from collections.abc import Sequence

from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import Journal
from elite_tf.tournament.bracket import Bracket, Observer


class Housekeeping(Observer):
  """Writes histories as they grow and removes what is no longer needed.

  What comes out of the journal was written and removed before, but for its last
  outcome, at which the search may have been killed.
  """

  def __init__(
    self,
    folder: RunFolder,
    brackets: Sequence[Bracket],
    runner: RecordedRunner,
    journal: Journal,
    keep_checkpoints: bool = False,
  ):
    """Takes over the folder.

    Args:
      folder: Of the run.
      brackets: All groups.
      runner: Knows whether an outcome is new or comes out of the journal.
      journal: Of the search; what it holds by now has been told before.
      keep_checkpoints: Whether those of eliminated candidates stay.
    """
    self._folder = folder
    self._brackets = brackets
    self._runner = runner
    self._keep_checkpoints = keep_checkpoints
    self._journal = journal
    self._last = journal.last

  def on_outcome(self, bracket, outcome):
    """Writes the candidate's table."""
    if self._runner.fresh:
      self._write_history(outcome.name)

  def on_round_end(self, bracket):
    """Removes the checkpoints of those eliminated.

    One that has to take a failed champion's place is trained again, to the same
    weights.
    """
    if self._runner.fresh and not self._keep_checkpoints:
      for name in bracket.rounds[-1].eliminated:
        self._folder.remove_checkpoints(name)

  def catch_up(self) -> None:
    """Does what was left undone when the search was killed.

    To be called when the journal has been played, before anything is added.
    """
    if self._last is None:
      return
    self._write_history(self._last)
    self._last = None
    if not self._keep_checkpoints:
      for bracket in self._brackets:
        for name in bracket.candidates:
          if name not in bracket.alive:
            self._folder.remove_checkpoints(name)

  def _write_history(self, name: str) -> None:
    self._folder.write_history(name, self._journal.epochs_of(name))


class Observers(Observer):
  """Passes what happens on to several observers, in order."""

  def __init__(self, *observers: Observer):
    self._observers = observers

  def on_outcome(self, bracket, outcome):
    """A job ended."""
    for observer in self._observers:
      observer.on_outcome(bracket, outcome)

  def on_round_end(self, bracket):
    """A group's round ended."""
    for observer in self._observers:
      observer.on_round_end(bracket)

  def on_group_end(self, bracket):
    """A group has its champion, or none is left."""
    for observer in self._observers:
      observer.on_group_end(bracket)
