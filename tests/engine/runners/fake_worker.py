"""A worker that trains nothing: what a candidate does is its family's name.

    python fake_worker.py DESCRIPTOR PARENT

It speaks the messages of `elite_tf.engine.runners.messages`, without TensorFlow. Runners
that reach their workers in another way call `answer` themselves.
"""

import logging
import os
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection

from elite_tf.engine.runners import messages
from elite_tf.types import Epoch, Outcome


def accuracy(candidate, epoch):
  """What an epoch of a candidate measures: a rising curve of its own."""
  return (candidate.d * 37 % 11 + epoch) / 1000


def answer(request, send, path):
  """Returns what becomes of a request.

  An epoch's loss is the number of the process, to know who trained.

  Args:
    request: Job or Export.
    send: Takes the messages on the way.
    path: Folder in which the fake remembers what it did.
  """
  candidate = request.candidate
  name, family = candidate.name, candidate.family
  if isinstance(request, messages.Export):
    return messages.Exported(name, {"pid": os.getpid()})
  if family == "says":
    logging.getLogger("elite_tf.fake").warning(f"{name} is %s", "damaged")
  if family == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
  if family == "once" and not (path / "died").exists():
    (path / "died").touch()
    os._exit(3)
  if family == "full":
    error = OSError(28, "No space left on device", str(path))
    return messages.Stopped(error)
  if family == "slow":
    time.sleep(0.5)
  if family == "hungry":  # Until the system gives no more.
    taken = []
    try:
      _limit_memory(64 << 20)
      while True:
        taken.append(bytearray(1 << 20))
    except MemoryError as error:
      return messages.Exhausted(f"{len(taken) > 9} {type(error).__name__}")
  if family == "mixed":  # Ends in another order than it was begun in.
    time.sleep(candidate.d * 7 % 5 / 100)
  if family == "fails":
    error = "loss became nan in epoch 1"
    return Outcome(name, request.start, request.stop, (), error, 5.0)
  seconds = 100.0 if family == "long" else 0.001
  epochs = []
  for number in range(request.start + 1, request.stop + 1):
    measured = accuracy(candidate, number)
    epochs.append(Epoch(number, os.getpid(), 0.5, 1.0, measured, seconds))
    send(messages.EpochDone(name, epochs[-1]))
    if family == "hangs":
      time.sleep(600)
    if family == "falls":
      os.kill(os.getpid(), signal.SIGKILL)
  return Outcome(name, request.start, request.stop, tuple(epochs), None, 5.0)


def _limit_memory(more):
  pages = int(open("/proc/self/statm").read().split()[0])
  most = pages * resource.getpagesize() + more
  resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _fails_to_start(path):
  """Whether this start is one of those that `starts` says will fail."""
  try:
    fails = (path / "starts").read_text()
  except FileNotFoundError:
    return False
  (path / "starts").write_text(fails[1:])
  return fails[:1] == "x"


def main(descriptor):
  """Serves requests until the connection is closed."""
  with Connection(descriptor) as connection:
    messages.forward_log(connection.send)
    path = connection.recv().folder.path
    if _fails_to_start(path):
      sys.exit(7)
    connection.send(messages.Ready())
    while True:
      try:
        request = connection.recv()
      except EOFError:
        break
      if isinstance(request, messages.Release):
        (path / f"{request.name}.released").write_text(str(os.getpid()))
      else:
        connection.send(answer(request, connection.send, path))


if __name__ == "__main__":
  main(int(sys.argv[1]))
