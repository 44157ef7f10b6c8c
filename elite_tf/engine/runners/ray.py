"""Trains candidates on a Ray cluster, or on one started on this machine."""

import contextlib

from elite_tf.engine.runners.base import Runner
from elite_tf.engine.runners.capacity import Loads


class RayRunner(Runner):
  """Actors on the nodes of a cluster.

  Its settings are `ray_address`, `cpus_per_candidate` and `gpus_per_candidate`.
  How much memory a node has is Ray's concern.
  """

  name = "ray"
  package = "ray"

  @contextlib.contextmanager
  def open(self, settings, folder, plan, description, on_start, on_epoch):
    """See `Runner.open`; connects to the cluster."""
    from elite_tf.engine.runners import ray_cluster
    from elite_tf.engine.runners.ray_workers import RayWorkers

    macs = {c.name: cost.macs for c, cost in zip(plan.candidates, plan.costs)}
    with ray_cluster.connect(settings.ray_address):
      slots = ray_cluster.count_slots(
        ray_cluster.alive_nodes(),
        settings.cpus_per_candidate,
        settings.gpus_per_candidate,
      )
      count = settings.workers or min(slots, len(plan.candidates))
      with RayWorkers(
        settings, folder, count, on_start, on_epoch, Loads(macs)
      ) as workers:
        yield workers
