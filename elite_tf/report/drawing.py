"""matplotlib figures as inline SVG with the colours of the page.

matplotlib draws in placeholder colours, which are replaced by CSS variables, so
that the style of the page decides about light and dark. Text stays text.
"""

import contextlib
import logging
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from io import StringIO

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Placeholder colours; `_VARIABLES` has the CSS variables that replace them.
INK = "#010203"
MUTED = "#010204"
GRID = "#010205"
SURFACE = "#010206"
ACCENT = "#010207"
SECOND = "#010208"
THIRD = "#010209"
FOURTH = "#01020a"
_VARIABLES = {
  INK: "var(--ink)",
  MUTED: "var(--muted)",
  GRID: "var(--grid)",
  SURFACE: "var(--surface)",
  ACCENT: "var(--accent)",
  SECOND: "var(--second)",
  THIRD: "var(--third)",
  FOURTH: "var(--fourth)",
}

# Pixels. Figures are as wide as the screen of a phone and are placed side by
# side on larger screens, so that their text has the same size everywhere.
WIDTH = 360
HEIGHT = 260

_STYLE = {
  "axes.edgecolor": GRID,
  "axes.facecolor": "none",
  "axes.grid": True,
  "axes.labelcolor": MUTED,
  "axes.spines.right": False,
  "axes.spines.top": False,
  "axes.axisbelow": True,
  "figure.facecolor": "none",
  "font.family": "sans-serif",
  "font.sans-serif": ["DejaVu Sans"],  # Comes with matplotlib.
  "font.size": 11.5,
  "grid.color": GRID,
  "grid.linewidth": 0.6,
  "legend.frameon": False,
  "svg.fonttype": "none",
  "svg.hashsalt": "elite_tf",
  "text.color": INK,
  "text.parse_math": False,  # Class names are text, with their dollars.
  "xtick.color": MUTED,
  "ytick.color": MUTED,
  "xtick.major.size": 0,
  "ytick.major.size": 0,
  "xtick.minor.size": 0,
  "ytick.minor.size": 0,
}

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"-?\d+\.\d{2,}")
_FONT = re.compile(r"font: [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*; ?")
_NO_TURN = re.compile(r"^rotate[(]-?0 [^)]*[)]$")
_SIZE = re.compile(r"([\d.]+)px")
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_TITLED = "titled-"


class Drawing:
  """A figure that is being drawn.

  Attributes:
    figure: The figure.
    axes: The axes of the figure.
  """

  def __init__(
    self,
    width: float = WIDTH,
    height: float = HEIGHT,
    bare: bool = False,
  ):
    """Makes an empty figure; must be called within `style()`.

    Args:
      width: Width in pixels.
      height: Height in pixels.
      bare: Whether the axes are hidden and fill the figure.
    """
    size = (width / 72, height / 72)
    self.figure = Figure(figsize=size, layout=None if bare else "tight")
    FigureCanvasSVG(self.figure)
    self.axes: Axes = self.figure.subplots()
    if bare:
      self.figure.subplots_adjust(0, 0, 1, 1)
      self.axes.set_axis_off()
    self._titles: list[Sequence[str]] = []

  def tell(self, artist: Artist, titles: Sequence[str]) -> None:
    """Gives an artist, or each of its marks in order, a tooltip."""
    artist.set_gid(f"{_TITLED}{len(self._titles)}")
    self._titles.append(titles)

  def to_svg(self, name: str, label: str) -> str:
    """Returns the figure as an SVG element.

    Args:
      name: Prefix of the ids in the figure, unique on the page.
      label: Description of the figure for screen readers.
    """
    out = StringIO()
    self.figure.savefig(
      out, format="svg", metadata={"Date": None, "Creator": None}
    )
    return _cleaned(out.getvalue(), name, label, self._titles)


@contextlib.contextmanager
def style() -> Iterator[None]:
  """Sets the style of the page, whatever the user's matplotlibrc contains."""
  logging.getLogger("matplotlib").setLevel(logging.ERROR)
  with matplotlib.rc_context(), warnings.catch_warnings():
    # The browser draws letters that matplotlib's font lacks.
    warnings.filterwarnings("ignore", "Glyph .* missing")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(_STYLE)
    yield


def _cleaned(
  svg: str, name: str, label: str, titles: Sequence[Sequence[str]]
) -> str:
  """Returns the SVG of matplotlib as an element of a page."""
  ElementTree.register_namespace("", _SVG)
  root = ElementTree.fromstring(svg)
  for child in list(root):
    if child.tag == f"{{{_SVG}}}metadata":
      root.remove(child)
  _drop_styles(root)
  _drop_empty(root)
  for element in root.iter():
    number = element.get("id", "")
    if number.startswith(_TITLED):
      _add_titles(element, titles[int(number.removeprefix(_TITLED))])
  used = _references(root)
  for element in root.iter():
    _clean_element(element, name, used)
  width, height = (float(v) for v in root.get("viewBox").split()[2:])
  attributes = {
    "viewBox": f"0 0 {width:g} {height:g}",
    "style": f"--natural:{width:.0f}px;max-width:{1.25 * width:.0f}px",
    "role": "img",
    "aria-label": label,
  }
  root.attrib.clear()
  root.attrib.update(attributes)
  return ElementTree.tostring(root, "unicode")


def _drop_styles(root: ElementTree.Element) -> None:
  for parent in root.iter():
    for child in list(parent):
      if child.tag == f"{{{_SVG}}}style":
        parent.remove(child)


def _drop_empty(element: ElementTree.Element) -> None:
  """Removes empty groups and invisible shapes."""
  element.text = element.tail = (element.text or "").strip() or None
  for child in list(element):
    text = child.text
    _drop_empty(child)
    child.text, child.tail = text if (text or "").strip() else None, None
    bare = child.tag == f"{{{_SVG}}}g" and not len(child)
    hidden = child.get("style") == "fill: none"
    if bare or hidden:
      element.remove(child)


def _add_titles(element: ElementTree.Element, titles: Sequence[str]) -> None:
  """Adds titles to the marks of an element in order, or to the element."""
  marks = [e for e in element.iter() if e.tag == f"{{{_SVG}}}use"]
  if len(titles) == 1 or len(marks) != len(titles):
    marks = [element] * min(1, len(titles))
  for mark, title in zip(marks, titles):
    node = ElementTree.Element(f"{{{_SVG}}}title")
    node.text = title
    mark.insert(0, node)


def _references(root: ElementTree.Element) -> set[str]:
  found = set()
  for element in root.iter():
    for value in element.attrib.values():
      found.update(_REFERENCE.findall(value))
    found.add(element.get(_XLINK, "#")[1:])
  return found - {""}


def _clean_element(
  element: ElementTree.Element, name: str, used: set[str]
) -> None:
  """Shortens numbers, prefixes ids and replaces placeholder colours."""
  number = element.attrib.pop("id", "")
  if number in used:
    element.set("id", f"{name}-{number}")
  reference = element.attrib.pop(_XLINK, "")
  if reference.startswith("#"):
    element.set("href", f"#{name}-{reference[1:]}")
  elif reference:
    element.set("href", reference)
  for key, value in list(element.attrib.items()):
    if key in ("id", "href"):
      continue
    value = " ".join(_LONG.sub(_short, value).split())
    if key == "transform" and _NO_TURN.match(value):
      del element.attrib[key]
      continue
    value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
    for colour, variable in _VARIABLES.items():
      value = value.replace(colour, variable)
    if key == "style":
      value = _FAMILY.sub("", _FONT.sub(_font_size, value))
    element.set(key, value)


def _short(match: re.Match) -> str:
  return f"{float(match[0]):.1f}".removesuffix(".0")


def _font_size(match: re.Match) -> str:
  size = _SIZE.search(match[0])
  return f"font-size: {size[1]}px" if size else ""
