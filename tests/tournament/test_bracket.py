"""The tournament, played by a runner that knows every accuracy beforehand."""

import itertools
import random

import pytest

from elite_tf.errors import ConfigError
from elite_tf.tournament.bracket import Bracket, Observer, Round, Rules, play
from elite_tf.tournament.criteria import CRITERIA, candidate_epochs
from elite_tf.types import Candidate, Epoch, Job, Outcome

NAN = float("nan")


def _candidate(number, group=1):
  return Candidate("fake", group, number, 1, 1.0, 1.0, 32)


def _names(size, group=1):
  return [_candidate(i, group).name for i in range(1, size + 1)]


def _epoch(number, accuracy):
  return Epoch(number, 1.0, accuracy, 1.0, accuracy, 0.5)


class Scripted:
  """A runner whose candidates reach what `accuracy(name, epoch)` says.

  It raises nothing: a float stands for an accuracy, a string for the reason of
  a failure in that epoch. `choose` picks which submitted job is done next.
  """

  def __init__(self, accuracy, choose=lambda jobs: 0):
    self.accuracy = accuracy
    self.choose = choose
    self.waiting: list[Job] = []
    self.done: list[Job] = []
    self.released: list[str] = []
    self.epochs = 0

  def submit(self, job):
    self.waiting.append(job)

  def wait(self):
    job = self.waiting.pop(self.choose(self.waiting))
    self.done.append(job)
    name, epochs, error = job.candidate.name, [], None
    for number in range(job.start + 1, job.stop + 1):
      value = self.accuracy(name, number)
      if isinstance(value, str):
        error = value
        break
      epochs.append(_epoch(number, value))
    self.epochs += len(epochs)
    return Outcome(name, job.start, job.stop, tuple(epochs), error)

  def release(self, name):
    self.released.append(name)


class Log(Observer):
  """Notes what an observer hears."""

  def __init__(self):
    self.heard = []

  def on_outcome(self, bracket, outcome):
    self.heard.append(("outcome", bracket.group, outcome.name))

  def on_round_end(self, bracket):
    self.heard.append(("round", bracket.group, bracket.rounds[-1].round))

  def on_group_end(self, bracket):
    self.heard.append(("group", bracket.group, bracket.champion))


def _play(size, accuracy, rules=Rules(10, 350), choose=lambda jobs: 0):
  bracket = Bracket(1, [_candidate(i) for i in range(1, size + 1)], rules)
  runner = Scripted(accuracy, choose)
  play([bracket], runner, Observer())
  assert bracket.done and not runner.waiting
  return bracket, runner


def _level(name):
  """Candidate d1 is the heaviest; the greater number the better."""
  return int(name.split("-d")[1].split("-")[0])


def _by_level(name, epoch):
  return _level(name) / 100


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 16])
def test_the_best_wins_and_epochs_are_as_planned(size):
  bracket, runner = _play(size, _by_level)
  assert bracket.champion == _names(size)[-1]
  assert len(bracket.histories[bracket.champion]) == 350
  # What the plan promises is what the runner was asked for.
  asked = sum(job.stop - job.start for job in runner.done)
  assert asked == runner.epochs == candidate_epochs(size, 10, 350)
  assert bracket.failures == {}


def test_group_of_eight_by_hand():
  bracket, runner = _play(8, _by_level)
  n = _names(8)
  assert [len(played.scores) for played in bracket.rounds] == [8, 4, 2]
  assert [played.eliminated for played in bracket.rounds] == [
    (n[3], n[2], n[1], n[0]),
    (n[5], n[4]),
    (n[6],),
  ]
  spans = [(job.round, job.start, job.stop) for job in runner.done]
  assert spans == [
    *[(1, 0, 10)] * 8,
    *[(2, 10, 20)] * 4,
    *[(3, 20, 30)] * 2,
    (0, 30, 350),
  ]
  assert runner.epochs == 80 + 40 + 20 + 320
  assert runner.released == [n[0], n[1], n[2], n[3], n[5], n[4], n[6], n[7]]


def test_odd_sizes_keep_the_middle_one():
  bracket, _ = _play(5, _by_level)
  assert [len(played.scores) for played in bracket.rounds] == [5, 3, 2]
  bracket, _ = _play(3, _by_level)
  assert [len(played.scores) for played in bracket.rounds] == [3, 2]


def test_group_of_one_trains_to_the_end_at_once():
  bracket, runner = _play(1, _by_level, Rules(10, 25))
  assert bracket.rounds == []
  (job,) = runner.done
  assert (job.round, job.start, job.stop) == (0, 0, 25)


def test_champion_that_has_all_its_epochs_is_not_trained_again():
  bracket, runner = _play(8, _by_level, Rules(10, 30))
  assert bracket.champion == _names(8)[-1]
  assert max(job.stop for job in runner.done) == 30
  assert runner.epochs == 140


@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_of_equals_the_lightest_wins(size):
  bracket, _ = _play(size, lambda name, epoch: 0.5)
  assert bracket.champion == _names(size)[-1]
  for played in bracket.rounds:
    assert set(played.scores.values()) == {0.5}


def test_scores_are_the_mean_of_all_epochs_by_default():
  """One leads on average, the other at the end of the round."""
  first, second = _names(2)
  table = {first: [0.6, 0.6, 0.5], second: [0.1, 0.2, 0.9]}

  def accuracy(name, epoch):
    return table[name][min(epoch, 3) - 1]

  bracket, _ = _play(2, accuracy, Rules(3, 4))
  assert bracket.champion == first
  scores = bracket.rounds[0].scores
  assert scores == pytest.approx({first: 1.7 / 3, second: 0.4})
  bracket, _ = _play(2, accuracy, Rules(3, 4, "current"))
  assert bracket.champion == second
  assert bracket.rounds[0].scores == {first: 0.5, second: 0.9}


def test_later_rounds_score_the_earlier_epochs_too():
  """d4 leads in round 1 by so much that d3, better since, cannot overtake."""
  high, low = [0.8, 0.8, 0.1, 0.1, 0.1], [0.4, 0.4, 0.5, 0.5, 0.5]
  table = {1: [0.0] * 5, 2: [0.0] * 5, 3: low, 4: high}
  bracket, _ = _play(4, lambda n, e: table[_level(n)][e - 1], Rules(2, 5))
  assert bracket.champion == _names(4)[3]
  # (0.8 + 0.8 + 0.1 + 0.1) / 4 and (0.4 + 0.4 + 0.5 + 0.5) / 4: equal, and
  # the lighter is better.
  scores = bracket.rounds[1].scores
  assert scores == pytest.approx({_names(4)[2]: 0.45, _names(4)[3]: 0.45})


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_order_of_completion_makes_no_difference(criterion):
  """Groups of 8, 5 and 1 with failures and ties, in 50 orders."""
  draw = random.Random(3)
  table = {
    name: [round(draw.random(), 1) for _ in range(12)]
    for group, size in ((1, 8), (2, 5), (3, 1))
    for name in _names(size, group)
  }
  table[_names(8)[2]][1] = "loss became nan in epoch 2"
  table[_names(8)[4]][5] = "ResourceExhaustedError: out of memory"
  table[_names(5, 2)[0]][0] = NAN
  results = []
  for seed in range(50):
    brackets = [
      Bracket(
        group,
        [_candidate(i, group) for i in range(1, size + 1)],
        Rules(3, 12, criterion),
      )
      for group, size in ((1, 8), (2, 5), (3, 1))
    ]
    choose = random.Random(seed)
    runner = Scripted(
      lambda name, epoch: table[name][epoch - 1],
      lambda jobs, choose=choose: choose.randrange(len(jobs)),
    )
    play(brackets, runner, Observer())
    results.append(
      [
        (b.champion, b.rounds, b.failures, b.histories[b.champion])
        for b in brackets
      ]
    )
  assert all(result == results[0] for result in results)
  assert len(results[0][0][2]) == 2 and len(results[0][1][2]) == 1


def test_every_order_of_a_round_of_four():
  champions = set()
  for order in itertools.permutations(_names(4)):

    def choose(jobs, order=order):
      places = [order.index(job.candidate.name) for job in jobs]
      return places.index(min(places))

    bracket, _ = _play(4, _by_level, choose=choose)
    champions.add((bracket.champion, str(bracket.rounds)))
  assert len(champions) == 1


@pytest.mark.parametrize("error", ["loss became nan in epoch 12", "OOM"])
def test_failure_within_a_round(error):
  """The favourite fails in round 2: it is out, and the others play on."""
  favourite = _names(8)[7]

  def accuracy(name, epoch):
    if name == favourite and epoch == 12:
      return error
    return _by_level(name, epoch)

  bracket, runner = _play(8, accuracy)
  assert bracket.failures == {favourite: error}
  assert bracket.rounds[1].scores[favourite] is None
  assert bracket.rounds[1].eliminated[-1] == favourite
  assert bracket.champion == _names(8)[6]
  assert len(bracket.histories[favourite]) == 11
  assert favourite in runner.released


@pytest.mark.parametrize("value", [NAN, float("inf"), -float("inf")])
def test_accuracy_that_is_no_number_is_a_failure(value):
  """NaN ranks nowhere: it must not win, whatever the order of arrival."""
  bad = _names(4)[1]
  bracket, _ = _play(4, lambda n, e: value if n == bad else _by_level(n, e))
  assert bracket.failures == {bad: f"val_accuracy became {value} in epoch 1"}
  assert bracket.champion == _names(4)[3]


def test_fewer_than_half_left_after_failures():
  """Six of eight fail at once: two are left, and play one more round."""
  bad = _names(8)[2:]
  bracket, runner = _play(
    8, lambda n, e: "failed" if n in bad else _by_level(n, e)
  )
  assert bracket.champion == _names(8)[1]
  assert [len(played.scores) for played in bracket.rounds] == [8, 2]
  assert set(bracket.failures) == set(bad)
  assert [job.stop for job in runner.done] == [10] * 8 + [20] * 2 + [350]


def test_failing_champion_is_replaced_by_the_one_eliminated_last():
  n = _names(8)

  def accuracy(name, epoch):
    if name == n[7] and epoch == 100:
      return "its worker died"
    return _by_level(name, epoch)

  bracket, runner = _play(8, accuracy)
  assert bracket.champion == n[6]
  assert bracket.failures == {n[7]: "its worker died"}
  assert runner.done[-1].candidate.name == n[6]
  assert (runner.done[-1].start, runner.done[-1].stop) == (30, 350)
  assert len(bracket.histories[n[6]]) == 350
  # Rounds stay what was played.
  assert [len(played.scores) for played in bracket.rounds] == [8, 4, 2]


def test_replacements_go_down_the_rounds_until_one_holds():
  """Round 3's, then the better of round 2's and so on; best first."""
  n = _names(8)
  bad = {n[7], n[6], n[5]}

  def accuracy(name, epoch):
    if name in bad and epoch > 30:
      return "failed"
    return _by_level(name, epoch)

  bracket, runner = _play(8, accuracy)
  last = [job.candidate.name for job in runner.done if job.round == 0]
  assert last == [n[7], n[6], n[5], n[4]]
  assert bracket.champion == n[4]


def test_whole_round_failing_falls_back_on_those_eliminated_before():
  """Both of round 2 fail; the best of round 1's losers can still be trained."""
  n = _names(4)
  bracket, runner = _play(
      4, lambda name, e: "failed" if e > 10 and name in n[2:] else
      _by_level(name, e)
  )  # fmt: skip
  assert bracket.champion == n[1]
  assert bracket.failures == dict.fromkeys(n[2:], "failed")
  assert (runner.done[-1].start, runner.done[-1].stop) == (10, 350)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_whole_group_failing_leaves_no_champion(size):
  bracket, runner = _play(size, lambda name, epoch: "no memory")
  assert bracket.champion is None and bracket.alive == ()
  assert set(bracket.failures) == set(_names(size))
  assert runner.epochs == 0


def test_a_failed_group_does_not_touch_the_others():
  brackets = [
    Bracket(g, [_candidate(i, g) for i in (1, 2)], Rules(2, 6)) for g in (1, 2)
  ]
  log = Log()

  def accuracy(name, epoch):
    return "failed" if "-w1-" in name else _by_level(name, epoch)

  play(brackets, Scripted(accuracy), log)
  assert brackets[0].champion is None
  assert brackets[1].champion == _names(2, 2)[1]
  assert ("group", 1, None) in log.heard


def test_groups_do_not_wait_for_one_another():
  """Group 2 comes to its champion before group 1 has ended a round."""
  brackets = [
    Bracket(g, [_candidate(i, g) for i in (1, 2, 3, 4)], Rules(2, 8))
    for g in (1, 2)
  ]
  log = Log()

  def last_group_first(jobs):
    return max(range(len(jobs)), key=lambda i: jobs[i].group)

  play(brackets, Scripted(_by_level, last_group_first), log)
  ends = [event for event in log.heard if event[0] == "group"]
  assert [event[1] for event in ends] == [2, 1]
  first_of_1 = log.heard.index(("outcome", 1, _names(4)[0]))
  assert log.heard.index(ends[0]) < first_of_1


def test_observer_hears_everything_once_and_in_order():
  brackets = [Bracket(1, [_candidate(i) for i in (1, 2)], Rules(1, 3))]
  log = Log()
  play(brackets, Scripted(_by_level), log)
  n = _names(2)
  assert log.heard == [
    ("outcome", 1, n[0]),
    ("outcome", 1, n[1]),
    ("round", 1, 1),
    ("outcome", 1, n[1]),
    ("group", 1, n[1]),
  ]


@pytest.mark.parametrize("seed", range(40))
def test_properties_of_any_tournament(seed):
  """Random sizes, accuracies, failures and orders of completion."""
  draw = random.Random(seed)
  rules = Rules(draw.randint(1, 3), 20, draw.choice(sorted(CRITERIA)))
  size = draw.randint(1, 12)
  table = {name: [draw.random() for _ in range(20)] for name in _names(size)}
  for name in _names(size):
    if draw.random() < 0.3:
      table[name][draw.randrange(20)] = "failed"
  bracket, runner = _play(
      size, lambda n, e: table[n][e - 1], rules,
      lambda jobs: draw.randrange(len(jobs)),
  )  # fmt: skip
  if bracket.champion is None:
    assert set(bracket.failures) == set(_names(size))
  else:
    assert bracket.champion not in bracket.failures
    assert len(bracket.histories[bracket.champion]) == 20
  for played, following in zip(bracket.rounds, bracket.rounds[1:]):
    left = set(played.scores) - set(played.eliminated)
    assert set(following.scores) == left
    assert len(left) <= -(-len(played.scores) // 2)
  # Nobody is asked for the same epochs twice, and everybody is forgotten.
  spans = [(job.candidate.name, job.start) for job in runner.done]
  assert len(set(spans)) == len(spans)
  if not bracket.failures:
    assert runner.epochs == candidate_epochs(size, rules.round_epochs, 20)
    assert sorted(runner.released) == sorted(_names(size))


def test_live_epochs_are_noted_once():
  """Epochs heard while a round is played do not count twice at its end."""
  bracket = Bracket(1, [_candidate(1), _candidate(2)], Rules(2, 4))
  first, second = _names(2)
  assert [job.stop for job in bracket.start()] == [2, 2]
  assert bracket.score(first) is None and bracket.round == 1
  one, two = _epoch(1, 0.4), _epoch(2, 0.6)
  for epoch in (one, one, two):
    bracket.note(first, epoch)
  assert bracket.histories[first].val_accuracy.tolist() == [0.4, 0.6]
  assert bracket.score(first) == pytest.approx(0.5)
  assert bracket.record(Outcome(first, 0, 2, (one, two))) == []
  assert bracket.histories[first].val_accuracy.tolist() == [0.4, 0.6]
  (job,) = bracket.record(Outcome(second, 0, 2, (_epoch(1, 0.1),) * 2))
  assert (job.candidate.name, job.start, job.stop) == (first, 2, 4)
  assert bracket.round == 0 and not bracket.done
  assert bracket.rounds == [
    Round(1, {first: 0.5, second: pytest.approx(0.1)}, (second,))
  ]


def test_score_of_one_that_is_out_is_that_of_its_last_round():
  """And the score of one that takes a failed champion's place goes on."""
  first, second = _names(2)
  bracket = Bracket(1, [_candidate(1), _candidate(2)], Rules(1, 2))
  bracket.start()
  bracket.record(Outcome(first, 0, 1, (_epoch(1, 0.25),)))
  bracket.record(Outcome(second, 0, 1, (_epoch(1, 0.75),)))
  assert (bracket.score(first), bracket.score(second)) == (0.25, 0.75)
  (job,) = bracket.record(Outcome(second, 1, 2, (), "out of memory"))
  assert bracket.score(second) is None and job.candidate.name == first
  bracket.note(first, _epoch(2, 0.75))
  assert bracket.score(first) == 0.5


def test_criterion_that_compares_sees_those_still_in():
  """By the median of the others' means: 0.9 has failed and counts no more.

  Round 2: 0.5 - 0.25 and 0.25 - 0.5, the eliminated 0.125 left out.
  """
  table = {1: 0.125, 2: 0.25, 3: 0.5, 4: 0.9}
  fails = _names(4)[3]
  bracket, _ = _play(
    4,
    lambda n, e: "OOM" if n == fails else table[_level(n)],
    Rules(1, 3, "median"),
  )
  first, second, third, fourth = _names(4)
  assert [played.scores for played in bracket.rounds] == [
    {first: -0.25, second: -0.0625, third: 0.3125, fourth: None},
    {second: -0.25, third: 0.25},
  ]


def test_rounds_tell_their_noise():
  """Less what they share: 0.5, 0, 0.5 and the reverse, second difference 1.

  Two of them over 6 * (2 - 1) * (3 - 2); means 4/3 and 2/3, sd sqrt(2) / 3.
  """
  first, second = _names(2)
  table = {first: [1.5, 1.0, 1.5], second: [0.5, 1.0, 0.5]}
  bracket, _ = _play(2, lambda n, e: table[n][min(e, 3) - 1], Rules(3, 4))
  (played,) = bracket.rounds
  assert played.nu == pytest.approx((2 / 6) ** 0.5 / (2**0.5 / 3))
  bracket, _ = _play(2, lambda n, e: table[n][min(e, 3) - 1], Rules(2, 4))
  assert bracket.rounds[0].nu is None
  # One that failed has no part in it: one candidate alone has no spread.
  bracket, _ = _play(
    2,
    lambda n, e: "OOM" if (n, e) == (second, 3) else 0.5 + e / 10,
    Rules(3, 4),
  )
  assert bracket.rounds[0].nu is None


def test_bracket_needs_candidates_and_a_known_criterion():
  with pytest.raises(ConfigError, match="group 3 has no candidates"):
    Bracket(3, [], Rules())
  with pytest.raises(ConfigError, match="--criterion must be one of"):
    Bracket(1, [_candidate(1)], Rules(criterion="luck"))
