"""Plan and result as tables on the terminal."""

from rich.console import Console
from rich.table import Table

from elite_tf.data.sources import Description
from elite_tf.hardware.fit import Needs
from elite_tf.runs.plan import Plan
from elite_tf.runs.results import Result
from elite_tf.system.text import duration
from elite_tf.types import Candidate, Cost


def _table(*columns: str) -> Table:
  table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
  for column in columns:
    justify = "left" if column in ("candidate", "champion") else "right"
    table.add_column(column, justify=justify, no_wrap=True)
  return table


def millions(count: int) -> str:
  """Returns a count in millions: 5.33 M."""
  return f"{count / 1e6:.2f} M"


def kibibytes(size: int) -> str:
  """Returns bytes in KiB, rounded up: what a board must have."""
  return f"{-(-size // 1024)} KiB"


def _plan_row(candidate: Candidate, cost: Cost) -> list[str]:
  return [
    candidate.name,
    f"{candidate.width:.4g}",
    f"{candidate.depth:.4g}",
    str(candidate.resolution),
    millions(cost.params),
    millions(cost.macs),
  ]


def _needs(needs: Needs) -> list[str]:
  seconds = needs.seconds
  return [
    kibibytes(needs.memory.flash_bytes),
    kibibytes(needs.memory.arena_bytes),
    "-" if seconds is None else f"{1000 * seconds:.0f}",
  ]


def _size(size: int | None) -> str:
  return "-" if size is None else kibibytes(size)


def _hundredths(value: float | None) -> str:
  return "-" if value is None else f"{100 * value:.2f}"


def _print(console: Console, line: str) -> None:
  console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_plan(console: Console, plan: Plan, description: Description) -> None:
  """Prints who competes with whom, and what it will take."""
  grouping = plan.grouping
  limited = plan.needs[0] is not None
  columns = ["group", "candidate", "width", "depth", "pixels", "params", "MACs"]
  table = _table(*columns, *(["flash", "arena", "ms"] if limited else ["Z"]))
  for number, group in enumerate(grouping.groups, start=1):
    for position in group:
      candidate, cost = plan.candidates[position], plan.costs[position]
      needs = plan.needs[position]
      table.add_row(
        str(number),
        *_plan_row(candidate, cost),
        *(_needs(needs) if needs else [f"{grouping.z_sum[position]:+.2f}"]),
      )
  for misfit in plan.misfits:
    row = _plan_row(misfit.candidate, misfit.cost)
    table.add_row("no", *row, *_needs(misfit.needs))
  console.print(table)
  if limited:
    _print(
      console,
      f"{len(plan.misfits)} candidates do not fit and are not trained; flash"
      " and arena are predicted, ms an inference are an estimate",
    )
  strides = {candidate.stem_stride for candidate in plan.candidates}
  _print(
    console,
    f"{description.name}: {description.images} images,"
    f" {description.classes} classes, {description.channels} channels of"
    f" {description.height} x {description.width} pixels"
    + (
      f"; stem stride {' or '.join(map(str, sorted(strides)))}"
      if all(strides)
      else ""
    ),
  )
  if plan.latency:
    _print(console, f"no candidate is slower than {plan.latency} an inference")
  _print(console, f"recipe {plan.recipe}")
  for note in (*description.notes, *plan.notes):
    _print(console, note)
  _print(
    console,
    f"{len(plan.candidates)} candidates in {len(grouping.groups)} groups,"
    f" {plan.rounds} rounds, {plan.candidate_epochs:,} epochs in all",
  )
  _print(
    console,
    f"at most {plan.disk_bytes / 2**20:,.0f} MiB of disk for checkpoints,"
    " champions, journal and images",
  )


def print_result(console: Console, result: Result, run_dir: str) -> None:
  """Prints the champions, the time it took and where the files are."""
  table = _table(
      "group", "champion", "params", "MACs", "val %", "float %", "int8 %",
      "flash", "arena",
  )  # fmt: skip
  for champion in result.champions:
    table.add_row(
      str(champion.group),
      champion.name,
      millions(champion.params),
      millions(champion.macs),
      _hundredths(champion.val_accuracy),
      _hundredths(champion.test_accuracy_float),
      _hundredths(champion.test_accuracy_int8),
      _size(champion.tflite_bytes),
      _size(champion.arena_bytes),
    )
  console.print(table)
  _print(
    console,
    f"{result.candidate_epochs:,} epochs in"
    f" {duration(result.training_seconds)} by {result.workers} workers;"
    f" in training and validation steps {duration(result.step_seconds)},"
    " of these first steps with their tracing"
    f" {duration(result.first_step_seconds)}; conversion"
    f" {duration(result.convert_seconds)}",
  )
  _print(
    console, f"float %, int8 %: test accuracy; files: {run_dir}/champions/"
  )
