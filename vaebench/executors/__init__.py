"""Executors: where packs run, in the shape of concurrent.futures."""

from vaebench.executors.contract import Executor
from vaebench.executors.inline import InlineExecutor
from vaebench.executors.processes import ProcessExecutor
from vaebench.executors.relay import RelayExecutor

__all__ = ["Executor", "InlineExecutor", "ProcessExecutor", "RelayExecutor"]
