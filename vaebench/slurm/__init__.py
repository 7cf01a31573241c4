"""Slurm: what is asked of it, what runs in its allocations, and its queue. No torch, no store."""

from vaebench.slurm.queue import Waiting, cancel, look, submit, this_allocation
from vaebench.slurm.request import Request, request

__all__ = ["Request", "Waiting", "cancel", "look", "request", "submit", "this_allocation"]
