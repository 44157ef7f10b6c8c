"""The model card of a champion: README.md in its folder.

The front matter follows https://huggingface.co/docs/hub/model-cards. Its
strings are written as JSON, which is valid YAML. No license is named: the user
who trained the network and the owners of the images decide about it.
"""

import html
import json

from elite_tf.data.sources import Description
from elite_tf.runs.metrics import ClassifierMetrics, ConversionMetrics, Metrics

FILE = "README.md"

# Most classes that are listed; labels.txt has all of them.
MOST_CLASSES = 20

# Escapes for text from outside, so that Markdown shows it unchanged.
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]#|$~"})


def model_card(
  metrics: Metrics, description: Description, params: int, ancestor: str = ""
) -> str:
  """Returns the text of a champion's README.md.

  Args:
    metrics: Metrics of the champion.
    description: Description of the data that the champion was trained on.
    params: Number of parameters, as Keras counts them.
    ancestor: Name of the network, trained on ImageNet, whose weights were the
      first ones; empty for random weights.
  """
  parts = [
    _front_matter(metrics, description),
    _what(metrics, description, params, ancestor),
    _figures(metrics),
    _how_to_run(metrics, description),
    _limits(metrics, description),
  ]
  return "\n".join(parts)


def _plain(text: str) -> str:
  """Returns text on one line, escaped for Markdown and HTML."""
  line = " ".join(text.split())
  return html.escape(line.translate(_MARKDOWN), quote=False)


def _rows(
  metrics: Metrics,
) -> list[tuple[str, str, ClassifierMetrics | ConversionMetrics]]:
  """Returns (conversion, title, figures) of each network that was measured.

  The accuracy of the float .tflite file is that of the Keras model: the file is
  run on a few images only, to verify that it computes the same.
  """
  rows = [("float", "float (Keras)", metrics.float_)]
  if metrics.quantized:
    rows.append((metrics.kind, f"{metrics.kind} (.tflite)", metrics.quantized))
  return rows


def _front_matter(metrics: Metrics, description: Description) -> str:
  lines = [
    "---",
    "library_name: keras",
    "pipeline_tag: image-classification",
    "tags:",
    "- image-classification",
    "- tflite",
    "- microcontroller",
    "- network-candidate-search",
    "metrics:",
    "- accuracy",
    "model-index:",
    f"- name: {json.dumps(metrics.name)}",
    "  results:",
    "  - task:",
    "      type: image-classification",
    "    dataset:",
    f"      name: {json.dumps(description.name)}",
    f"      type: {json.dumps(description.name)}",
    "      split: test",
    "    metrics:",
  ]
  for _, title, figures in _rows(metrics):
    lines += [
      "    - type: accuracy",
      f"      name: {json.dumps(f'Test accuracy, {title}')}",
      f"      value: {json.dumps(figures.accuracy)}",
    ]
  return "\n".join([*lines, "---", ""])


def _what(
  metrics: Metrics, description: Description, params: int, ancestor: str
) -> str:
  size = metrics.preprocessing.resolution
  names = [_plain(name) for name in description.class_names[:MOST_CLASSES]]
  more = description.classes - len(names)
  names += [f"and {more} more (`labels.txt`)"] if more else []
  first = (
    f" Its training began with weights of {ancestor},\ntrained on ImageNet."
    if ancestor
    else ""
  )
  colour = "grey" if description.channels == 1 else "RGB"
  return f"""\
# {_plain(metrics.name)}

An image classifier for microcontrollers: {params:,} parameters, {colour} images of
{size} x {size} pixels, {description.classes} classes. It is the champion of its group in a
Network Candidate Search ([arXiv 2009.07409](https://arxiv.org/abs/2009.07409)), run by elite_tf
on `{_plain(description.name)}` ({description.images:,} images).{first}

Classes, in the order of the outputs: {", ".join(names)}.
"""


def _figures(metrics: Metrics) -> str:
  lines = [
    "## Results",
    "",
    f"Measured on the {metrics.test_images:,} images of the test split, which"
    " were used neither for training nor for any choice:",
    "",
    "| network | accuracy | balanced accuracy | file | arena |",
    "|---|---|---|---|---|",
  ]
  for name, title, figures in _rows(metrics):
    file = metrics.conversions.get(name)
    size = f"{file.tflite_bytes:,} bytes" if file else "-"
    arena = f"{file.arena_bytes:,} bytes" if file else "-"
    lines.append(
      f"| {title} | {100 * figures.accuracy:.2f} % |"
      f" {100 * figures.balanced_accuracy:.2f} % | {size} | {arena} |"
    )
  if metrics.conversions:
    lines += [
      "",
      "In TensorFlow Lite Micro, each .tflite file gives the same output bytes"
      " as in the reference kernels of TensorFlow Lite. The arena was measured"
      " on a computer with 64-bit pointers; on a board it is a little smaller.",
    ]
  return "\n".join([*lines, ""])


def _how_to_run(metrics: Metrics, description: Description) -> str:
  seen = metrics.preprocessing
  mode = "L" if description.channels == 1 else "RGB"
  text = f"""\
## How to run it

```python
from pathlib import Path

import elite_tf
import keras
import numpy as np
from PIL import Image

model = keras.saving.load_model("model.keras")
picture = np.asarray(Image.open("picture.png").convert("{mode}"))
images = picture.reshape(1, *picture.shape[:2], {description.channels})
inputs = elite_tf.preprocess(images, {seen.resolution}, crop={seen.crop})
answer = model.predict(inputs, verbose=0)[0]
names = Path("labels.txt").read_text().splitlines()
print(names[answer.argmax()], answer.max())
```
"""
  if metrics.kind != "int8":
    return text
  return (
    text
    + """
This command makes firmware in plain C. `--target=list` lists all targets, among them TensorFlow
Lite Micro.

    python -m elite_tf.deploy --model=model_int8.tflite --target=c --out=firmware
"""
  )


def _limits(metrics: Metrics, description: Description) -> str:
  least = 100 / metrics.test_images
  seen = (
    "the central part of an image"
    if metrics.preprocessing.crop
    else "the largest central square of an image"
  )
  return f"""\
## Limits

- The network answers one of the classes above for any image, whatever the image shows.
- The network sees {seen}, resized to the size above. Accuracy on images that
  differ from the training images in light, camera or framing was not measured.
- One test image is {least:.2g} % of the accuracy.
- The probabilities are not calibrated.
- No license has been chosen. The user who trained the network chooses one that the images allow.
"""
