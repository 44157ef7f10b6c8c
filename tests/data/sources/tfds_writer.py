"""Prepares data sets in TensorFlow Datasets' own format, by its own writer.

    python tfds_writer.py FILE.npz NAME DIR [FORMAT]

FILE.npz holds `names`, those of the classes, and for each split SPLIT_labels and
its pictures, SPLIT_0, SPLIT_1 and so on.
"""

import sys

import numpy as np
import tensorflow_datasets as tfds


def _examples(arrays, split):
  for number, label in enumerate(arrays[f"{split}_labels"].tolist()):
    yield number, {"image": arrays[f"{split}_{number}"], "label": label}


def main(path, name, folder, form="png"):
  arrays = dict(np.load(path))
  splits = [k.removesuffix("_labels") for k in arrays if k.endswith("_labels")]
  channels = arrays[f"{splits[0]}_0"].shape[2]
  tfds.dataset_builders.store_as_tfds_dataset(
    name=name,
    version="1.2.0",
    features=tfds.features.FeaturesDict(
      {
        "image": tfds.features.Image(
          shape=(None, None, channels), encoding_format=form
        ),
        "label": tfds.features.ClassLabel(names=arrays["names"].tolist()),
      }
    ),
    split_datasets={split: _examples(arrays, split) for split in splits},
    data_dir=folder,
    disable_shuffling=True,
  )


if __name__ == "__main__":
  main(*sys.argv[1:])
