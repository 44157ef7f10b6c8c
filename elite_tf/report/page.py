"""Writes the page: facts and figures in one file."""

import dataclasses
import shlex
from pathlib import Path

import jinja2
from markupsafe import Markup

import elite_tf
from elite_tf.report import formats
from elite_tf.report.brackets import draw_bracket, standings
from elite_tf.report.costs import draw_costs, draw_published
from elite_tf.report.curves import draw_curves
from elite_tf.report.drawing import style
from elite_tf.report.facts import Run, State
from elite_tf.report.mistakes import draw_confusion, worst_mistakes, worst_pairs
from elite_tf.report.names import prefix_of
from elite_tf.report.reading import read_run
from elite_tf.report.tradeoff import (
  AXES,
  draw_levels,
  draw_ratios,
  ratios_to_group,
)
from elite_tf.runs.folder import RunFolder
from elite_tf.runs.settings import Settings
from elite_tf.system.atomic_files import write_file
from elite_tf.system.records import Record

DATA = Path(__file__).parent

FILE = "report.html"


@dataclasses.dataclass(frozen=True)
class Written(Record):
  """A page that was written.

  Attributes:
    page: Path of the file.
    state: State of the search.
    champions: Number of champions on the page.
    bytes: Size of the file.
  """

  page: str
  state: str
  champions: int
  bytes: int


def write(
  folder: RunFolder, at_work: bool | None = None, stopped: str = ""
) -> Written:
  """Writes the page of a search into its folder, and nothing else.

  Args:
    folder: Folder of a search, finished or not.
    at_work: Whether the search is running; None means that the lock of the
      folder tells.
    stopped: Why the search stopped before the end, if it did.

  Raises:
    ConfigError: There is no search, or config.json or result.json is damaged.
    OSError: The folder cannot be read or written.
  """
  run = read_run(folder, at_work, stopped)
  text = render(run)
  path = folder.path / FILE
  write_file(path, text)
  return Written(
    page=str(path),
    state=str(run.state),
    champions=len(run.champions),
    bytes=len(text.encode()),
  )


def render(run: Run) -> str:
  """Returns the page of a search as HTML."""
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(DATA),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters.update(formats.FILTERS)
  environment.globals["pointer"] = formats.pointer
  with style():
    shown = _figures(run)
  return environment.get_template("report.html.jinja").render(
    run=run,
    state=State,
    style=Markup((DATA / "report.css").read_text("utf-8")),
    title=run.data.name if run.data else run.settings.data,
    version=elite_tf.__version__,
    prefix=_prefix(run),
    rounds=max((len(group.rounds) for group in run.groups), default=0),
    best=_best(run),
    standings=standings,
    worst_pairs=worst_pairs,
    left_out=left_out(run),
    commands=commands(run),
    changed=changed(run),
    settings=dataclasses.asdict(run.settings),
    **shown,
  )


def _prefix(run: Run) -> str:
  return prefix_of([n for group in run.groups for n in group.candidates])


def _best(run: Run) -> str:
  """Returns the name of the champion with the highest validation accuracy."""
  found = [champion.result for champion in run.champions]
  if not found:
    return ""
  return max(found, key=lambda champion: champion.val_accuracy).name


def _figures(run: Run) -> dict:
  """Returns all figures as SVG or data URI, by their names in the template."""
  prefix = _prefix(run)
  planned = bool(run.networks)
  ratios = {}
  if planned:
    ratios = {axis.name: ratios_to_group(run, axis) for axis in AXES}
  has_ratios = any(ratios.values())
  return {
    "costs": _svgs(draw_costs(run)),
    "published": _svgs(draw_published(run)),
    "brackets": {
      group.group: Markup(draw_bracket(group, prefix)) for group in run.groups
    },
    "curves": {
      group.group: Markup(draw_curves(run, group))
      for group in run.groups
      if any(run.histories.get(name) for name in group.candidates)
    },
    "levels": _svgs(draw_levels(run, axis) for axis in AXES)
    if planned and run.groups
    else [],
    "ratios": Markup(draw_ratios(run)) if has_ratios else "",
    "means": {
      name: sum(values) / len(values) - 1
      for name, values in ratios.items()
      if values
    },
    "confusions": {
      champion.name: Markup(draw_confusion(champion, f"confusion-{n}") or "")
      for n, champion in enumerate(run.champions)
    },
    "pictures": {c.name: worst_mistakes(c) for c in run.champions},
  }


def _svgs(pictures) -> list[Markup]:
  return [Markup(picture) for picture in pictures]


def left_out(run: Run) -> list[tuple[str, str, str]]:
  """Returns (name, outcome, reason) of what did not become a champion.

  These are candidates that do not fit or failed, champions that do not fit or
  cannot be deployed, and groups without a champion. Candidates that were
  eliminated by their accuracy are not among them.
  """
  rows = [
    (
      network.name,
      "not trained",
      f"does not fit: {network.flash_bytes:,} bytes of flash and"
      f" {network.sram_bytes:,} of memory, predicted"
      + (
        f"; about {1000 * network.estimated_seconds:,.0f} ms an inference"
        if run.settings.latency
        else ""
      ),
    )
    for network in run.networks.values()
    if not network.fits
  ]
  for group in run.groups:
    rows += [(name, "failed", why) for name, why in group.failures.items()]
    rows += [
      (name, "rejected as champion", why)
      for name, why in group.rejected.items()
    ]
  unverified = run.result.unverified if run.result else {}
  rows += [
    (name, "cannot be deployed", why) for name, why in unverified.items()
  ]
  rows += [
    (
      f"group {group.group}",
      "no champion",
      "every candidate failed or does not fit",
    )
    for group in run.groups
    if group.champion is None and not group.alive
  ]
  return rows


def changed(run: Run) -> dict[str, object]:
  """Returns the settings that differ from the defaults, by name."""
  defaults = dataclasses.asdict(Settings())
  settings = dataclasses.asdict(run.settings)
  return {n: value for n, value in settings.items() if value != defaults[n]}


def commands(run: Run) -> dict[str, str]:
  """Returns the commands for a search, as lines for a shell.

  "again" repeats it in another folder, "on" continues it, and "page" writes its
  page again.
  """
  flags = [
    f"--{name}={value}"
    for name, value in changed(run).items()
    if name != "run_dir"
  ]
  search = ["python", "-m", "elite_tf.search"]
  flagfile = f"--flagfile={Path(run.path) / 'search.flags'}"
  return {
    "again": shlex.join([*search, *flags, "--run_dir=runs/again"]),
    "on": shlex.join([*search, flagfile, f"--run_dir={run.path}"]),
    "page": shlex.join(
      ["python", "-m", "elite_tf.report", f"--run_dir={run.path}"]
    ),
  }
