"""Descriptor 2 is held back, and given back."""

import os

import pytest

from elite_tf.system.quiet import quiet


def test_what_is_written_is_held_back(capfd):
  with quiet():
    os.write(2, b"chatter\n")
  os.write(2, b"after\n")
  assert capfd.readouterr() == ("", "after\n")


def test_what_was_held_back_explains_an_error(capfd):
  with pytest.raises(KeyError), quiet():
    os.write(2, b"the reason\n")
    raise KeyError
  os.write(2, b"after\n")
  assert capfd.readouterr() == ("", "the reason\nafter\n")
