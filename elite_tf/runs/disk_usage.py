"""The disk space of a search, predicted before it begins."""

from collections.abc import Sequence

from elite_tf.types import Cost

# Per parameter: five float32 vectors in a checkpoint, and the files of a
# champion.
CHECKPOINT_BYTES = 20
CHAMPION_BYTES = 12

# Per epoch: its lines in the journal and in the history of its candidate.
EPOCH_BYTES = 600


def disk_bytes(
  groups: Sequence[Sequence[Cost]],
  candidate_epochs: int,
  workers: int,
  keep_checkpoints: bool = False,
) -> int:
  """Returns the most disk space that a search takes, in bytes.

  A candidate has its last two checkpoints, and a third one while it is being
  written. Eliminated candidates lose their checkpoints after every round. Work
  on a group begins only while each unfinished group before it keeps a worker
  busy, so at most as many groups as workers have more than a champion's
  checkpoints.

  Args:
    groups: Costs of the candidates, by group.
    candidate_epochs: Number of epochs of all candidates.
    workers: Candidates that train at the same time.
    keep_checkpoints: Whether eliminated candidates keep their checkpoints.
  """
  sizes = [[cost.params for cost in group] for group in groups]
  champions = [max(group) for group in sizes]
  everyone = sorted((sum(group) for group in sizes), reverse=True)
  writing = sorted((p for group in sizes for p in group), reverse=True)
  there = sum(everyone if keep_checkpoints else everyone[:workers])
  return (
    CHECKPOINT_BYTES * (2 * there + sum(writing[:workers]))
    + (2 * CHECKPOINT_BYTES + CHAMPION_BYTES) * sum(champions)
    + EPOCH_BYTES * candidate_epochs
  )
