"""The errors of elite_tf: who has to act when something is wrong."""


class EliteError(Exception):
  """Base of every error that elite_tf raises on purpose."""


class ConfigError(EliteError, ValueError):
  """The user's to mend: one line that names the flag, file or field.

  It is a `ValueError` too, as `keras.applications` raises for its arguments.
  """


class CandidateFailed(EliteError):
  """One candidate cannot go on; it loses its group and the search goes on."""


class SearchFailed(EliteError):
  """A whole group failed: the search ended without all of its champions."""


class VerificationFailed(EliteError):
  """A converted network does not compute what it was converted from."""
