from elite_tf.tournament.history import History
from elite_tf.types import Epoch


def _epoch(number, accuracy):
  return Epoch(number, 2.0, 0.25, 3.0, accuracy, number / 4)


def test_epochs_are_taken_in_the_place_of_those_known():
  history = History()
  history.extend(0, [_epoch(1, 0.5), _epoch(2, 0.75)])
  assert not History() and len(history) == 2
  history.extend(1, [_epoch(2, 0.625), _epoch(3, 0.875)])
  assert history.val_accuracy.tolist() == [0.5, 0.625, 0.875]
  assert history.seconds.tolist() == [0.25, 0.5, 0.75]
