"""Which data a search belongs to, and what is said of others."""

import dataclasses

import pytest

from elite_tf.errors import ConfigError
from elite_tf.runs.fingerprint import Fingerprint, check_same, difference

THERE = Fingerprint("pets-s64-1", "aa", ("cat", "dog"), (10, 20))


def _with(**changes):
  return dataclasses.replace(THERE, **changes)


@pytest.mark.parametrize(
  "here",
  [
    THERE,
    _with(content=""),  # The images were not read: the key says enough.
    _with(key="pets-s64-2"),  # Other times of the files.
    _with(key="pets-s64-2", content=""),  # Not known before they are read.
    _with(key="pets-s64-2", images=()),
  ],
)
def test_same_images(here):
  assert difference(THERE, here) is None


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"classes": ("cat", "dog", "owl"), "images": (10, 20, 5)},
         "class 'owl' added"),
        ({"classes": ("cat",), "images": (10,)}, "class 'dog' removed"),
        ({"classes": ("ant", "bee", "cow", "cat", "elk", "dog")},
         "classes 'ant', 'bee', 'cow' and 1 more added"),
        ({"classes": ("cat", "wolf")},
         "class 'wolf' added and class 'dog' removed"),
        ({"classes": ("dog", "cat")}, "classes in another order"),
        ({"images": (10, 10)}, "10 images of 'dog' instead of 20"),
        ({"images": (11, 1000), "content": ""},
         "11 images of 'cat' instead of 10, 1,000 images of 'dog' instead of"
         " 20"),
        ({"content": "bb"},
         "as many images of every class, but other ones, or in another order"),
    ],
)  # fmt: skip
def test_other_images(changes, said):
  here = _with(**{"key": "pets-s64-2", **changes})
  assert difference(THERE, here) == said
  with pytest.raises(ConfigError) as caught:
    check_same("runs/pets", THERE, here)
  assert str(caught.value) == (
    "--data: the images are not those with which --run_dir=runs/pets began;"
    f" restore them, or name another --run_dir. Received: {said}"
  )


def test_other_names_alone():
  """Names of arrays' classes are not in the key."""
  assert difference(THERE, _with(classes=("cat", "wolf")))


def test_as_json(tmp_path):
  THERE.write(tmp_path / "f.json")
  assert Fingerprint.read(tmp_path / "f.json") == THERE
