"""The errors that elite_tf raises on purpose."""


class EliteError(Exception):
  """Base of every error that elite_tf raises on purpose."""


class ConfigError(EliteError, ValueError):
  """An error that the user can fix: one line that names the flag, file or field.

  This is a `ValueError` too, like the errors of `keras.applications`.
  """


class CandidateFailed(EliteError):
  """One candidate cannot go on; it loses its group and the search goes on."""


class SearchFailed(EliteError):
  """A whole group failed: the search ended without all of its champions."""


class VerificationFailed(EliteError):
  """A converted network does not compute what it was converted from."""
