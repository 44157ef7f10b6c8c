"""Counts the rounds of a training whose ranking is already the final one.

    python tools/check_criterion.py runs/all --round_epochs=1

The paper (Section 3.4) trains four candidates to the end, in 35 rounds of ten
epochs. The ranking by the average accuracy since the first epoch is the final
ranking in 33 rounds (94 %), the ranking by the accuracy of the current epoch in
22 rounds (63 %). This tool counts such rounds for every criterion. All candidates
of a run folder are one group; a search with `--group_size=1` trains all
candidates to the end. The final ranking is by the mean accuracy of the last 5 %
of the epochs, for every criterion.

`with its own last` compares with the ranking of the same criterion after the
last round, which says less: a running mean hardly changes at the end, so it
agrees with itself whether it is right or not. The last round always agrees.
"""

import argparse
import fnmatch
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import curves as sources
import numpy as np

from elite_tf.errors import ConfigError
from elite_tf.runs.folder import RunFolder
from elite_tf.tournament.criteria import CRITERIA, get_criterion, rank


def ranking(
  histories: dict[str, Sequence[float]], criterion: str, epochs: int
) -> list[str]:
  """Returns the names from best to worst after `epochs` epochs."""
  so_far = {name: history[:epochs] for name, history in histories.items()}
  return rank(get_criterion(criterion)(so_far), list(histories))


def check(histories: dict[str, Sequence[float]], round_epochs: int) -> dict:
  """Returns in how many rounds each criterion's ranking is the final one.

  Args:
    histories: Validation accuracies by name, one per epoch.
    round_epochs: Epochs per round.

  Raises:
    ConfigError: There are fewer than two candidates, or no round.
  """
  epochs = min(map(len, histories.values()), default=0)
  if len(histories) < 2:
    raise ConfigError(f"two candidates are needed. Received: {len(histories)}")
  if not 1 <= round_epochs <= epochs:
    raise ConfigError(
      f"--round_epochs must be 1 to {epochs}, the epochs that every candidate"
      f" has. Received: {round_epochs}"
    )
  values = np.array([history[:epochs] for history in histories.values()])
  finals = dict(zip(histories, sources.final_accuracies(values).tolist()))
  final = rank(finals, list(histories))
  ends = range(round_epochs, epochs + 1, round_epochs)
  criteria = {}
  for criterion in sorted(CRITERIA):
    rankings = [ranking(histories, criterion, end) for end in ends]
    criteria[criterion] = {
      "final": rankings.count(final),
      "with_its_own_last": rankings.count(rankings[-1]),
      "leader": sum(order[0] == final[0] for order in rankings),
    }
  return {
    "epochs": epochs,
    "round_epochs": round_epochs,
    "rounds": len(ends),
    "final_ranking": {name: finals[name] for name in final},
    "criteria": criteria,
  }


def to_text(result: dict) -> str:
  """Returns the result as a table, a line for each criterion."""
  rounds = result["rounds"]
  lines = ["final ranking, by the mean of the last 5 % of the epochs:"]
  lines += [f"  {n:24} {x:8.2%}" for n, x in result["final_ranking"].items()]
  lines.append(
    f"rounds (of {rounds}, {result['round_epochs']} of {result['epochs']}"
    " epochs each) in which the ranking agrees"
  )
  lines.append(
    f"  {'':12} {'with the final one':>20} {'in the leader':>20}"
    f" {'with its own last':>20}"
  )
  for criterion, counts in result["criteria"].items():
    cells = "".join(
      f"{counts[key]:12} ({counts[key] / rounds:5.0%})"
      for key in ("final", "leader", "with_its_own_last")
    )
    lines.append(f"  {criterion:12} {cells}")
  return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
  """Runs the command; returns its exit code."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("run_dir", type=Path)
  parser.add_argument("--round_epochs", type=int, default=10)
  parser.add_argument(
    "--include", default="*", help="shell pattern for names of candidates"
  )
  parser.add_argument("--format", choices=("text", "json"), default="text")
  flags = parser.parse_args(arguments)
  try:
    histories = {
      name: [epoch.val_accuracy for epoch in epochs]
      for name, epochs in RunFolder(flags.run_dir).read_histories().items()
      if fnmatch.fnmatchcase(name, flags.include)
    }
    if not histories:
      raise ConfigError(
        f"{flags.run_dir}: no candidates/*/history.csv fits"
        f" --include={flags.include}"
      )
    result = check(histories, flags.round_epochs)
  except ConfigError as error:
    print(f"error: {error}", file=sys.stderr)
    return 1
  print(json.dumps(result) if flags.format == "json" else to_text(result))
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
