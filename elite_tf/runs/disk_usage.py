"""The room that a search takes on the disk, bounded before it begins."""

from collections.abc import Sequence

from elite_tf.types import Cost

# For each parameter: five float32 vectors in a checkpoint, and a champion's
# files.
CHECKPOINT_BYTES = 20
CHAMPION_BYTES = 12

# For each epoch: its lines in the journal and in the table of its candidate.
EPOCH_BYTES = 600


def disk_bytes(
  groups: Sequence[Sequence[Cost]],
  candidate_epochs: int,
  workers: int,
  keep_checkpoints: bool = False,
) -> int:
  """Returns the room that a search takes on the disk, at most, in bytes.

  A candidate has its last two checkpoints, and a third one while that is
  written. Those of eliminated candidates are removed after every round, and
  work on a group begins only while every one before it that has not ended keeps
  a worker busy: no more groups than workers have more than a champion there.

  Args:
    groups: Costs of the candidates by group.
    candidate_epochs: Epochs trained in all.
    workers: Candidates that train at a time.
    keep_checkpoints: Whether those of eliminated candidates stay.
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
