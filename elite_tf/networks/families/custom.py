"""A family of the user's own: a function that builds Keras models.

`--pool=module:function` names it. It has no plan of rows: what its networks
cost is counted on the models themselves (`elite_tf.networks.custom_cost`), and they are
built by `elite_tf.networks.custom`. Here is what its pool shares with eLite's.
"""

import re

from elite_tf.networks.families import elite

# A function has whatever activations it likes.
DEFAULT_ACTIVATION = ""

DEFAULT_RESOLUTION = elite.DEFAULT_RESOLUTION
default_resolution = elite.default_resolution
resolutions = elite.resolutions

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_own(name: str) -> bool:
  """Returns whether a family's name is `module:function`."""
  return isinstance(name, str) and _NAME.fullmatch(name) is not None
