"""One page that shows a search to a person: report.html in the run folder.

    reading -> facts -> figures -> page

What a run folder holds is read into frozen records, drawn by matplotlib as
inline SVG, and set by Jinja into one file that needs nothing else.
"""

from collections.abc import Callable

from elite_tf.run_folder import RunFolder

FILE = "report.html"


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
    from elite_tf.report import page  # pylint: disable=g-import-not-at-top

    page.write(folder, at_work=False, stopped=stopped)
  except Exception as error:  # pylint: disable=broad-except
    reason = " ".join(str(error).split())[:200]
    say(
        f"{folder.path / FILE} was not written ({type(error).__name__}:"
        f" {reason}); nothing else is missing"
    )
