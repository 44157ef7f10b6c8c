"""A champion's model card: README.md with the front matter of the hub.

The front matter is that of https://huggingface.co/docs/hub/model-cards, its
strings written as JSON, which YAML holds. No license is named: the weights are
those of whoever trained them, and of the owners of the pictures.
"""

import html
import json

from elite_tf.data.sources import Description
from elite_tf.runs.metrics import ClassifierMetrics, ConversionMetrics, Metrics

FILE = "README.md"

# More classes than these are left to labels.txt.
MOST_CLASSES = 20

# How text from outside stands in Markdown: as it is, and nothing else.
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_[]#|$~"})


def model_card(metrics: Metrics, description: Description, params: int) -> str:
  """Returns the text of a champion's README.md.

  Args:
    metrics: Of the champion.
    description: Of the data that it was trained on.
    params: Its parameters, as Keras counts them.
  """
  parts = [
    _front_matter(metrics, description),
    _what(metrics, description, params),
    _figures(metrics),
    _how_to_run(metrics, description),
    _limits(metrics, description),
  ]
  return "\n".join(parts)


def _plain(text: str) -> str:
  """Returns text that Markdown and HTML take for nothing but text."""
  line = " ".join(text.split())
  return html.escape(line.translate(_MARKDOWN), quote=False)


def _rows(
  metrics: Metrics,
) -> list[tuple[str, str, ClassifierMetrics | ConversionMetrics]]:
  """Returns (id, what answered, figures) of each network that was measured.

  The float .tflite file is compared on a few images only: its accuracy is the
  Keras model's, which computes the same.
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


def _what(metrics: Metrics, description: Description, params: int) -> str:
  size = metrics.preprocessing.resolution
  names = [_plain(name) for name in description.class_names[:MOST_CLASSES]]
  more = description.classes - len(names)
  names += [f"and {more} more (`labels.txt`)"] if more else []
  colour = "grey" if description.channels == 1 else "RGB"
  return f"""\
# {_plain(metrics.name)}

An image classifier for microcontrollers: {params:,} parameters, {colour} images of
{size} x {size} pixels, {description.classes} classes. The champion of its group in a Network Candidate
Search ([arXiv 2009.07409](https://arxiv.org/abs/2009.07409)) by elite_tf on `{_plain(description.name)}`
({description.images:,} images).

Classes, in the order of the outputs: {", ".join(names)}.
"""


def _figures(metrics: Metrics) -> str:
  lines = [
    "## Measured",
    "",
    f"On the {metrics.test_images:,} images of the test split, which nothing"
    " was trained or chosen by:",
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
      "Each .tflite file gave, byte for byte, the outputs of TensorFlow"
      " Lite's reference kernels in TensorFlow Lite Micro. The arena is that"
      " of a computer with 64-bit pointers; on a board it is a little"
      " smaller.",
    ]
  return "\n".join([*lines, ""])


def _how_to_run(metrics: Metrics, description: Description) -> str:
  seen = metrics.preprocessing
  mode = "L" if description.channels == 1 else "RGB"
  text = f"""\
## How to run it

```python
import keras
import numpy as np
from PIL import Image
from elite_tf import preprocess

model = keras.saving.load_model("model.keras")
picture = np.asarray(Image.open("picture.png").convert("{mode}"))
images = picture.reshape(1, *picture.shape[:2], {description.channels})
inputs = preprocess.preprocess(images, {seen.resolution}, crop={seen.crop})
answer = model.predict(inputs)[0]
print(open("labels.txt").read().splitlines()[answer.argmax()], answer.max())
```
"""
  if metrics.kind != "int8":
    return text
  return (
    text
    + """
As firmware in plain C, or with TensorFlow Lite Micro (`--target=list`):

    python -m elite_tf.deploy --model=model_int8.tflite --target=c --out=firmware
"""
  )


def _limits(metrics: Metrics, description: Description) -> str:
  least = 100 / metrics.test_images
  seen = (
    "the central crop of each picture"
    if metrics.preprocessing.crop
    else "the whole central square of each picture"
  )
  return f"""\
## Limits

- It knows the classes above and answers one of them to any picture.
- It sees {seen}, resized to the size above. What differs from the training
  pictures in light, camera or framing was not measured.
- One test image is {least:.2g} % of the accuracy.
- The probabilities were not calibrated.
- Nobody has chosen a license: that is for whoever trained it, as the pictures allow.
"""
