"""What a search keeps on the disk while it runs, and what it removes."""

from collections.abc import Sequence

from elite_tf.engine.runners.replay import RecordedRunner
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import Journal
from elite_tf.tournament.bracket import Bracket, Observer


class Housekeeping(Observer):
  """Writes histories as they grow and removes checkpoints no longer needed.

  For outcomes out of the journal this was done before, except for the last one:
  the search may have been killed right after it.
  """

  def __init__(
    self,
    folder: RunFolder,
    brackets: Sequence[Bracket],
    runner: RecordedRunner,
    journal: Journal,
    keep_checkpoints: bool = False,
  ):
    """Begins with what the journal holds.

    Args:
      folder: Of the run.
      brackets: All groups.
      runner: Knows whether an outcome is new or comes out of the journal.
      journal: Of the search.
      keep_checkpoints: Whether eliminated candidates keep their checkpoints.
    """
    self._folder = folder
    self._brackets = brackets
    self._runner = runner
    self._keep_checkpoints = keep_checkpoints
    self._journal = journal
    self._last = journal.last

  def on_outcome(self, bracket, outcome):
    """Writes the history of the candidate."""
    if self._runner.fresh:
      self._write_history(outcome.name)

  def on_round_end(self, bracket):
    """Removes the checkpoints of the candidates eliminated.

    A candidate that takes the place of a failed champion is trained again, to
    the same weights.
    """
    if self._runner.fresh and not self._keep_checkpoints:
      for name in bracket.rounds[-1].eliminated:
        self._folder.remove_checkpoints(name)

  def catch_up(self) -> None:
    """Does what the search left undone when it was killed.

    Call it after the outcomes in the journal, before a new one.
    """
    if self._last is None:
      return
    self._write_history(self._last)
    self._last = None
    for bracket in self._brackets:
      for name, epochs in bracket.histories.items():
        if epochs and not self._folder.history(name).exists():
          self._write_history(name)
    if not self._keep_checkpoints:
      for bracket in self._brackets:
        for name in bracket.candidates:
          if name not in bracket.alive:
            self._folder.remove_checkpoints(name)

  def _write_history(self, name: str) -> None:
    self._folder.write_history(name, self._journal.epochs_of(name))


class Observers(Observer):
  """Calls several observers, in order."""

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
