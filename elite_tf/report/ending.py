"""The page that a search leaves behind, however it ends."""

from collections.abc import Callable

from elite_tf.runs.folder import RunFolder
from elite_tf.system.text import one_line


def write_or_say(
  folder: RunFolder, say: Callable[[str], None], stopped: str = ""
) -> None:
  """Writes the page of a search that ends; says in one line if it cannot.

  Whatever is wrong with the page, the search is as it is.

  Args:
    folder: Of the search.
    say: Told in one line if there is no page.
    stopped: Why the search stops before its end, if it does.
  """
  try:
    # Only now: drawing takes half a second to load.
    from elite_tf.report import page

    page.write(folder, at_work=False, stopped=stopped)
  except Exception as error:
    say(
      f"{folder.path}: report.html was not written"
      f" ({one_line(error, with_type=True)}); nothing else is missing"
    )
