"""Prints and checks the figures of a firmware project."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from elite_tf.errors import VerificationFailed
from elite_tf.firmware.targets import Figures, Project, Target


def require_equal(figures: Figures) -> None:
  """Checks that the firmware computes the same as TensorFlow Lite Micro.

  Raises:
    VerificationFailed: An output differs, or no output was compared.
  """
  vectors = figures.vectors - figures.equal
  images = figures.images - figures.images_equal
  if vectors or images or not figures.vectors:
    raise VerificationFailed(
      f"the firmware's outputs differ on {vectors} of {figures.vectors}"
      f" vectors and {images} of {figures.images} images"
    )


def print_figures(
  form: str,
  out: Path,
  target: Target,
  project: Project,
  figures: Figures | None,
) -> None:
  """Prints the figures of a project.

  Args:
    form: `json` or `text`.
    out: Folder of the project.
    target: Target of the project.
    project: The project.
    figures: Figures of the run; None if the project was not run.
  """
  if form == "json":
    measured = dataclasses.asdict(figures) if figures else {}
    print(
      json.dumps(
        {
          "out": str(out),
          "target": target.name,
          "constant_bytes": project.constant_bytes,
          "buffer_bytes": project.buffer_bytes,
          **measured,
        }
      )
    )
    return
  print(
    f"{out}: {target.name}; constants {project.constant_bytes:,} bytes, buffer"
    f" {project.buffer_bytes:,} bytes; {target.hint}"
  )
  for line in _lines(project, figures) if figures else ():
    print(line)


def _lines(project: Project, figures: Figures) -> Iterator[str]:
  """Yields the lines that show the figures of a run."""
  yield (
    f"{figures.equal} of {figures.vectors} outputs are TensorFlow Lite"
    " Micro's to the last byte"
  )
  if figures.images:
    share = 100 * figures.images_right / figures.images
    yield (
      f"{figures.images_right} of {figures.images} test images right:"
      f" {share:.2f} %; {figures.images_equal} outputs equal"
    )
  for name, value in (
    ("flash", figures.flash_bytes),
    ("  of it constants of the network", project.constant_bytes),
    ("  of it code", figures.code_bytes),
    ("static RAM", figures.static_ram_bytes),
    ("  of it the network's buffer", project.buffer_bytes),
    ("stack", figures.stack_bytes),
  ):
    if value is not None:
      yield f"{name:34}{value:12,} bytes"
  if figures.instructions:
    yield f"{'instructions':34}{figures.instructions:12,}"
  if figures.preprocess_instructions:
    yield f"{'  to preprocess':34}{figures.preprocess_instructions:12,}"
  for name, count in figures.layers.items():
    yield f"  {name:32}{count:12,}"
