"""The cluster of the Ray runner: connection and capacity."""

import contextlib
import os
import signal
import threading

import ray
from ray.exceptions import RayError

from elite_tf.errors import ConfigError

# For a cluster started here. Only messages go through the object store of Ray,
# which gets the smallest size that Ray allows.
_LOCAL = {"include_dashboard": False, "object_store_memory": 80 << 20}


def connect(address: str) -> contextlib.ExitStack:
  """Connects to a cluster; without an address, starts one on this machine.

  Args:
    address: `host:port` of its head, `auto` for the cluster that runs on this
      machine, or empty.

  Returns:
    A context that disconnects at its end, unless Ray was connected before.

  Raises:
    ConfigError: The cluster cannot be reached.
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
    reason = " ".join(str(error).split())
    raise ConfigError(
      f"--ray_address must be a cluster that can be reached. Received:"
      f" {address!r} ({reason})"
    ) from error
  finally:
    # Ray handles SIGTERM itself; the command leaves the run folder resumable.
    if threading.current_thread() is threading.main_thread():
      signal.signal(signal.SIGTERM, terminate)
  cluster.callback(ray.shutdown)
  return cluster


def alive_nodes() -> list[dict[str, float]]:
  """Returns the resources of each node that is alive, as Ray names them."""
  return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def is_alive(node: str) -> bool:
  """Returns whether the node of that number is alive; any node for ""."""
  return any(n["Alive"] and node in ("", n["NodeID"]) for n in ray.nodes())


def count_slots(nodes: list[dict[str, float]], cpus: float, gpus: float) -> int:
  """Returns how many candidates a cluster can train at the same time.

  Args:
    nodes: Resources of each node, as Ray names them: CPU, GPU.
    cpus: Cores per candidate, for example 0.5.
    gpus: GPUs per candidate, for example 0.25.

  Raises:
    ConfigError: No node has as many.
  """
  slots = 0
  for node in nodes:
    # Ray counts in units of 1/10,000.
    fit = [
      round(1e4 * node.get(name, 0)) // round(1e4 * amount)
      for name, amount in (("CPU", cpus), ("GPU", gpus))
      if amount
    ]
    slots += min(fit)
  if not slots:
    raise ConfigError(
      "--cpus_per_candidate and --gpus_per_candidate must fit a node of the"
      f" cluster, whose nodes have at most {_most(nodes, 'CPU'):g} CPU and"
      f" {_most(nodes, 'GPU'):g} GPU. Received: {cpus:g} and {gpus:g}"
    )
  return slots


def _most(nodes: list[dict[str, float]], resource: str) -> float:
  return max((node.get(resource, 0) for node in nodes), default=0)
