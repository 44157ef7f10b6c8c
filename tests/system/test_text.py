"""Durations and errors as a person reads them."""

import pytest

from elite_tf.system.text import duration, one_line


@pytest.mark.parametrize(
  "seconds, text",
  [
    (0, "0 s"),
    (42.4, "42 s"),
    (99, "99 s"),
    (100, "2 min"),
    (7 * 60, "7 min"),
    (3.5 * 3600, "3.5 h"),
    (48 * 3600, "2.0 d"),
    (4.2 * 86400, "4.2 d"),
  ],
)
def test_duration_has_the_unit_that_suits_it(seconds, text):
  assert duration(seconds) == text


def _missing():
  with pytest.raises(OSError) as caught:
    open("/no/such/file")
  return caught.value


@pytest.mark.parametrize(
  "error, with_type, line",
  [
    (ValueError("two\n  lines"), False, "two lines"),
    (ValueError("two\n  lines"), True, "ValueError: two lines"),
    (KeyError(), False, "KeyError"),
    (ValueError(), True, "ValueError: no reason given"),
    (OSError("no number"), False, "no number"),
    (_missing(), False, "No such file or directory"),
    (
      _missing(),
      True,
      "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'",
    ),
    ("text of\na process", False, "text of a process"),
    (ValueError("x" * 1000), False, "x" * 300),
  ],
)
def test_an_error_is_one_line(error, with_type, line):
  assert one_line(error, with_type) == line
