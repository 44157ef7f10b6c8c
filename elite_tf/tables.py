"""Plan and result as tables on the terminal."""

from rich.console import Console
from rich.table import Table

from elite_tf.datasets import Description
from elite_tf.planning import Plan
from elite_tf.progress import duration, percent


def _table(*columns: str) -> Table:
  table = Table(box=None, pad_edge=False)
  for column in columns:
    justify = "left" if column in ("candidate", "champion") else "right"
    table.add_column(column, justify=justify, no_wrap=True)
  return table


def print_plan(console: Console, plan: Plan, description: Description) -> None:
  """Prints who competes with whom, and what it will take."""
  grouping = plan.grouping
  table = _table(
      "group", "candidate", "width", "depth", "pixels", "params", "MACs", "Z"
  )
  for number, group in enumerate(grouping.groups, start=1):
    for position in group:
      candidate, cost = plan.candidates[position], plan.costs[position]
      table.add_row(
          str(number),
          candidate.name,
          f"{candidate.width:.4g}",
          f"{candidate.depth:.4g}",
          str(candidate.resolution),
          f"{cost.params:,}",
          f"{cost.macs:,}",
          f"{grouping.z_sum[position]:+.2f}",
      )
  console.print(table)
  console.print(
      f"{description.name}: {description.images} images,"
      f" {description.classes} classes, {description.channels} channels of"
      f" {description.height} x {description.width} pixels",
      markup=False, highlight=False,
  )  # fmt: skip
  console.print(
      f"{len(plan.candidates)} candidates in {len(grouping.groups)} groups,"
      f" {plan.rounds} rounds, {plan.candidate_epochs:,} epochs in all",
      markup=False, highlight=False,
  )  # fmt: skip


def print_result(console: Console, result: dict, run_dir: str) -> None:
  """Prints the champions, the time it took and where the files are."""
  table = _table(
      "group", "champion", "params", "MACs", "val", "test float", "test int8",
      ".tflite bytes", "arena bytes",
  )  # fmt: skip
  for champion in result["champions"]:
    int8 = champion["test_accuracy_int8"]
    table.add_row(
        str(champion["group"]),
        champion["name"],
        f"{champion['params']:,}",
        f"{champion['macs']:,}",
        percent(champion["val_accuracy"]),
        percent(champion["test_accuracy_float"]),
        "-" if int8 is None else percent(int8),
        f"{champion['tflite_bytes']:,}",
        f"{champion['arena_bytes']:,}",
    )
  console.print(table)
  console.print(
      f"{result['candidate_epochs']:,} epochs in"
      f" {duration(result['seconds'])}: training and validation steps"
      f" {duration(result['step_seconds'])} (first steps with their tracing"
      f" {duration(result['first_step_seconds'])}), conversion"
      f" {duration(result['convert_seconds'])}",
      markup=False, highlight=False,
  )  # fmt: skip
  console.print(
      f"files: {run_dir}/champions/NAME/", markup=False, highlight=False
  )
