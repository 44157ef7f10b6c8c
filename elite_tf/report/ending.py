"""The page that a search leaves behind, however it ends."""

import logging

from elite_tf.runs.folder import RunFolder

logger = logging.getLogger(__name__)


def write_or_warn(folder: RunFolder, stopped: str = "") -> None:
  """Writes the page of a search that ends; warns in one line if it cannot.

  Whatever is wrong with the page, the search is as it is.

  Args:
    folder: Of the search.
    stopped: Why the search stops before its end, if it does.
  """
  try:
    # Only now: drawing takes half a second to load.
    from elite_tf.report import page

    page.write(folder, at_work=False, stopped=stopped)
  except Exception as error:
    reason = " ".join(str(error).split())[:200]
    logger.warning(
      f"{folder.path}: report.html was not written ({type(error).__name__}:"
      f" {reason}); nothing else is missing"
    )
