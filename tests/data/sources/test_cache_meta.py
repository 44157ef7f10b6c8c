"""What a folder of the decoded cache says about itself."""

import dataclasses
import json

import pytest

from elite_tf.data.sources import cache_meta
from elite_tf.data.sources.cache_meta import Meta
from elite_tf.data.sources.types import Description

META = Meta(
  Description("pets", 2, 3, 90, 100, ("cat", "dog"), 40, True, ("a note",)),
  {"train": 30, "test": 10},
  2,
  (("a.jpg", "no JPEG, PNG or BMP"), ("b.jpg", "truncated")),
  "f00d",
  {"pixels.bin": 3},
)


def _write(folder, text=None):
  folder.mkdir(exist_ok=True)
  (folder / "pixels.bin").write_bytes(b"123")
  (folder / "meta.json").write_text(META.to_json() if text is None else text)
  return folder


def test_what_is_written_is_read(tmp_path):
  assert cache_meta.read(_write(tmp_path)) == META


def test_description_counts_broken_pictures_too(tmp_path):
  _write(tmp_path / "pets-s64-1")
  description, fingerprint = cache_meta.describe(tmp_path, "pets-s*")
  assert description == dataclasses.replace(META.description, images=42)
  assert fingerprint == "f00d"
  assert cache_meta.describe(tmp_path, "cars-s*") is None


def _without(name):
  entries = json.loads(META.to_json())
  del entries[name]
  return json.dumps(entries)


@pytest.mark.parametrize(
  "text",
  [
    "",
    "{",
    "[]",
    "3",
    META.to_json().replace('"format": 2', '"format": 1'),
    META.to_json().replace('"pixels.bin": 3', '"pixels.bin": 4'),
    META.to_json().replace('"pixels.bin": 3', '"lost.bin": 3'),
    *map(_without, json.loads(META.to_json())),
  ],
)
def test_a_folder_that_is_not_whole_is_not_read(tmp_path, text):
  assert cache_meta.read(_write(tmp_path, text)) is None
