"""The champions of a search: written, or replaced by others that fit."""

import dataclasses
import logging
import shutil
from collections.abc import Sequence

from elite_tf.engine.runners.messages import Export, Exported
from elite_tf.engine.runners.scheduling import Workers
from elite_tf.errors import ConfigError
from elite_tf.runs import metrics
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.journal import (
  Journal,
  champion_to_event,
  event_to_champion,
)
from elite_tf.runs.metrics import Metrics
from elite_tf.runs.plan import Plan
from elite_tf.runs.results import ChampionEvent, ChampionResult, figures_of
from elite_tf.runs.settings import Settings, limits_of
from elite_tf.tournament.bracket import Bracket
from elite_tf.types import Job

logger = logging.getLogger(__name__)


class Champions:
  """Exports the champions of all groups and remembers them.

  Attributes:
    unverified: Why champions could not be converted or verified, by name; they
      have their Keras model and its figures.
  """

  def __init__(
    self,
    brackets: Sequence[Bracket],
    plan: Plan,
    settings: Settings,
    folder: RunFolder,
    journal: Journal,
    workers: Workers,
  ):
    """Begins with the champions that were exported before.

    Args:
      brackets: All groups.
      plan: Of the search.
      settings: Of the search.
      folder: Of the run.
      journal: Of the search; holds the champions that were exported.
      workers: Export the others.
    """
    self.unverified: dict[str, str] = {}
    self._brackets = brackets
    self._plan = plan
    self._limits = limits_of(settings)
    self._keep_checkpoints = settings.keep_checkpoints
    self._folder = folder
    self._journal = journal
    self._workers = workers
    # Champions by name; those that could not be converted as well.
    self._known = self._exported_before()

  def found(self) -> list[ChampionResult]:
    """Returns the champions written, in the order of the groups."""
    names = [bracket.champion for bracket in self._brackets]
    return [self._known[name] for name in names if name in self._known]

  def write(self) -> None:
    """Exports the champions that were not; returns when all were tried.

    Raises:
      EliteError: The workers stopped.
      OSError: The run folder cannot be written.
    """
    home = self._home()
    missing = [name for name in home if name not in self._known]
    for name in missing:
      bracket = home[name]
      self._workers.submit(Export(bracket.candidates[name], bracket.group))
    for _ in missing:
      exported = self._workers.wait()
      self._take(home[exported.name], exported)

  def replace_misfits(self) -> list[Job] | None:
    """Rejects champions that, as measured, do not fit.

    Returns:
      The jobs by which others take their place; None if all champions fit.
    """
    jobs, all_fit = [], True
    home = self._home()
    for champion in self.found():
      misfit = self._misfit(champion)
      if misfit:
        all_fit = False
        # It may be gone: an earlier session has rejected the champion, too.
        place = self._folder.champion(champion.name)
        shutil.rmtree(place, ignore_errors=True)
        if not self._keep_checkpoints:
          self._folder.remove_checkpoints(champion.name)
        bracket = home[champion.name]
        jobs += bracket.reject(misfit)
        (successor, *_) = bracket.alive or ("no other candidate",)
        logger.warning(
          f"group {bracket.group}: champion {champion.name} {misfit};"
          f" {successor} takes its place"
        )
    return None if all_fit else jobs

  def _home(self) -> dict[str, Bracket]:
    brackets = {bracket.champion: bracket for bracket in self._brackets}
    brackets.pop(None, None)
    return brackets

  def _exported_before(self) -> dict[str, ChampionResult]:
    """Returns champions of earlier sessions whose files are all there.

    Those that do not fit need no files: they are rejected again.
    """
    events = map(event_to_champion, self._journal.champions)
    known = {event.champion.name: event.champion for event in events}
    before = self._folder.read_result()
    # `convert` completes champions without telling the journal.
    known |= {
      champion.name: champion
      for champion in (before.champions if before else ())
      if champion.name not in before.unverified
    }
    return {
      name: champion
      for name, champion in known.items()
      if self._misfit(champion) or self._is_complete(champion)
    }

  def _is_complete(self, champion: ChampionResult) -> bool:
    lost = self._folder.lost_files(champion)
    if lost:
      logger.warning(
        f"{lost[0]} is missing; champion {champion.name} is written again"
      )
    return not lost

  def _misfit(self, champion: ChampionResult) -> str:
    needs = self._plan.needs[self._plan.position(champion.name)]
    return champion.misfit(needs and needs.memory, self._limits)

  def _take(self, bracket: Bracket, exported: Exported) -> None:
    """Remembers an answer; the journal holds complete champions only."""
    found, name = exported.metrics, exported.name
    if exported.error is not None:
      logger.warning(
        f"group {bracket.group}: {name} could not be converted and verified:"
        f" {exported.error}"
      )
      self.unverified[name] = exported.error
      found = self._float_figures(name)
    if found is None:
      return
    self._known[name] = self._champion(bracket, found)
    if exported.error is None:
      event = ChampionEvent(self._known[name], found.seconds)
      self._journal.append(champion_to_event(event))

  def _float_figures(self, name: str) -> Metrics | None:
    """Returns the figures of a Keras model that was written before its export.

    None if not even that could be written.
    """
    try:
      found = Metrics.read(self._folder.champion(name) / metrics.FILE)
    except (ConfigError, FileNotFoundError):
      return None
    return dataclasses.replace(found, conversions={})

  def _champion(self, bracket: Bracket, found: Metrics) -> ChampionResult:
    name = bracket.champion
    cost = self._plan.cost(name)
    needs = self._plan.needs[self._plan.position(name)]
    return ChampionResult(
      name=name,
      group=bracket.group,
      params=cost.params,
      macs=cost.macs,
      val_accuracy=bracket.histories[name].val_accuracy[-1],
      **figures_of(found),
      estimated_seconds=needs.seconds if needs else None,
      files=tuple(self._folder.champion_files(name)),
    )
