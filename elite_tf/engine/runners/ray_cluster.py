"""The cluster that the Ray runner works on: reached or started, and its room."""

import contextlib
import os
import signal
import threading

import ray
from ray.exceptions import RayError

from elite_tf.errors import ConfigError
from elite_tf.system.text import one_line

# Of a cluster started here. Only messages go through Ray's object store: the
# least that it takes.
_LOCAL = {"include_dashboard": False, "object_store_memory": 80 << 20}


def connect(address: str) -> contextlib.ExitStack:
  """Connects to a cluster; starts one on this machine if there is no address.

  Args:
    address: `host:port` of its head, `auto` for the one that runs on this
      machine, or empty.

  Returns:
    What disconnects when it is closed. Ray that was in use already stays so.

  Raises:
    ConfigError: It cannot be reached.
  """
  cluster = contextlib.ExitStack()
  if ray.is_initialized():
    return cluster
  os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
  terminate = signal.getsignal(signal.SIGTERM)
  options = {} if address else _LOCAL
  try:
    ray.init(
      address=address or "local",
      logging_level="ERROR",
      log_to_driver=False,
      **options,
    )
  except (ConnectionError, ValueError, RuntimeError, RayError) as error:
    raise ConfigError(
      f"--ray_address={address} cannot be reached ({one_line(error)})"
    ) from error
  finally:
    # SIGTERM remains the command's, which leaves the run folder resumable.
    if threading.current_thread() is threading.main_thread():
      signal.signal(signal.SIGTERM, terminate)
  cluster.callback(ray.shutdown)
  return cluster


def count_slots(nodes: list[dict[str, float]], cpus: float, gpus: float) -> int:
  """Returns how many candidates the nodes of a cluster train at a time.

  Args:
    nodes: Resources of each node, as Ray names them: CPU, GPU.
    cpus: Of a candidate; a part of one is allowed.
    gpus: Of a candidate; a part of one is allowed.

  Raises:
    ConfigError: No node has as many.
  """
  slots = 0
  for node in nodes:
    # Ray counts in parts of 10,000.
    fit = [
      round(1e4 * node.get(name, 0)) // round(1e4 * amount)
      for name, amount in (("CPU", cpus), ("GPU", gpus))
      if amount
    ]
    slots += min(fit)
  if not slots:
    raise ConfigError(
      f"--cpus_per_candidate={cpus:g} --gpus_per_candidate={gpus:g}: no node"
      " of the cluster has as many;"
      f" the largest has {max((n.get('CPU', 0) for n in nodes), default=0):g}"
      f" CPU and {max((n.get('GPU', 0) for n in nodes), default=0):g} GPU"
    )
  return slots
