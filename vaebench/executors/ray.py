"""The Ray executor: packs run in actors of a Ray cluster, each of which holds a worker process."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic

from vaebench import plugins
from vaebench.errors import LostWorkerError
from vaebench.executors.contract import Answer, Context, Task
from vaebench.executors.processes import TICK_SECONDS
from vaebench.executors.ray_cluster import RayCluster
from vaebench.executors.ray_worker import Heard, RayWorker, software
from vaebench.gpu import of_gpu
from vaebench.outcome import JobOutcome, Progress, Status
from vaebench.spec import JobSpec

ASKED_SECONDS = 0.5
"""How long an actor waits for the end of a pack before it says what is new."""

PATIENCE_SECONDS = 3.0
"""How long a worker may take to come up before the user is told what it waits for."""

WATCH_SECONDS = 2.0
"""Time between two looks at the cluster's head."""


LEAVING_SECONDS = 5.0
"""How long threads may take to see that a cluster is gone."""

LONGEST = 200
"""Characters of what Ray says that are passed on."""

DEATHS = {
    "node died": "its node died",
    "has been marked dead": "its node died",
    "unavailable": "its node, or the way to it",
    "worker process has died": "its process died",
    "died unexpectedly": "it died, or its node did",
}
"""What Ray says of an actor that is gone, and what that means; of a busy cluster it knows least."""

BEGINNINGS_MOST = 5
"""Actors of a slot in a row that may die before they serve. Then it is the cluster."""


class _EndedError(Exception):
    """The executor was told to end while it waited for an actor."""


class _LostActorError(LostWorkerError):
    """Not the worker process in an actor is gone, but the actor."""


class RayExecutor(Generic[Context]):
    """Runs packs in the actors of a Ray cluster, one pack at a time in each.

    All actors are asked for at once, each with a CPU (and a GPU), and packs go to those that there
    is room for: `workers` is how many there are. One that dies, with its node or without, takes its
    pack's future with it (`LostWorkerError`), and another is asked for. One that runs out of memory
    hands its pack back with the status `memory`, and is given up where others share its host.

    Args:
        task: What a worker does with a pack: a function of a module, or `Named`.
        contexts: Its second argument, one for each worker. Its paths must lead to the same files
            on every node.
        on_event: Called, from several threads, with each worker's signs of life.
        address: Of the cluster; see `RayCluster`.
        gpus: GPUs that each actor asks for.

    Raises:
        VaebenchError: There is no such cluster, or Ray is not installed.
    """

    def __init__(
        self,
        task: Task[Context],
        contexts: Sequence[Context],
        *,
        on_event: Callable[[Progress], Any],
        address: str | None = None,
        gpus: int = 0,
    ) -> None:
        self._cluster = RayCluster(address, len(contexts))
        self._ray = self._cluster.ray
        self._on_event = on_event
        self._gpus = gpus
        self._work = [pickle.dumps((task, context)) for context in contexts]
        self._references = pickle.dumps(plugins.references())
        self._packs: deque[tuple[Sequence[JobSpec], Answer]] = deque()
        self._changed = threading.Condition()
        self._up: dict[int, tuple[Any, str]] = {}
        self._since = time.monotonic()
        self._wanted = len(contexts)
        self._room = self._broken = ""
        self._stopping = self._ending = self._killing = False
        slots = range(len(contexts))
        self._threads = [threading.Thread(target=self._watch, daemon=True)]
        self._threads += [
            threading.Thread(target=self._serve, args=(slot,), daemon=True) for slot in slots
        ]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """Packs that run at once: the actors that are up."""
        return 1 if self._broken else len(self._up)

    @property
    def held_up(self) -> str | None:
        """What is missing where not all actors are up after a while."""
        if len(self._up) >= self._wanted or time.monotonic() - self._since < PATIENCE_SECONDS:
            return None
        return (
            f"waiting for room in the Ray cluster: {len(self._up)} of {self._wanted} workers have "
            f"theirs{self._room}"
        )

    def submit(self, pack: Sequence[JobSpec]) -> Answer:
        """Hands a pack to the next free actor; see `Executor`."""
        answer = Answer()
        with self._changed:
            if not self._broken:
                self._packs.append((pack, answer))
                self._changed.notify()
                return answer
        answer.set_result(_all(pack, "blocked", self._broken))
        return answer

    def pids(self) -> list[int]:
        """Returns the process numbers of the workers that live, each of its own host."""
        actors = [actor for actor, _ in list(self._up.values())]
        return [pid for pids in self._ray.get([a.pids.remote() for a in actors]) for pid in pids]

    def stop(self) -> None:
        """Asks for what runs to be checkpointed and handed back as interrupted; takes no lock."""
        self._stopping = True

    def shutdown(self, *, kill: bool = False) -> None:
        """Ends the actors, after their packs or at once with `kill`, and leaves the cluster."""
        self._killing = self._killing or kill
        if self._ending:
            return
        self._ending = True
        for thread in self._threads:
            thread.join(timeout=LEAVING_SECONDS if self._broken else None)
        self._cluster.close()

    def _serve(self, slot: int) -> None:
        """Is a slot: holds an actor, and has it work on one pack after the other."""
        try:
            while (actor := self._actor(slot)) and (found := self._next()):
                pack, answer = found
                try:
                    self._got(actor.submit.remote(pickle.dumps(pack)))
                except LostWorkerError:  # it died while it had nothing to do
                    self._drop(slot)
                    with self._changed:
                        self._packs.appendleft(found)
                    continue
                try:
                    outcomes = self._outcomes(actor)
                except LostWorkerError as error:
                    if isinstance(error, _LostActorError):
                        self._drop(slot)
                    if status := self._excuse():
                        answer.set_result(_all(pack, status, self._broken))
                    elif "low on memory" in str(error):
                        answer.set_result(_all(pack, "memory", str(error)))
                    else:
                        answer.set_exception(error)
                    continue
                retired = outcomes[-1].status == "memory" and self._give_up_a_place(
                    slot, outcomes[-1].error or ""
                )
                answer.set_result(outcomes)
                if retired:
                    return
        except _EndedError:
            pass
        finally:
            self._drop(slot)

    def _actor(self, slot: int) -> Any:
        """Returns the slot's actor, once there is room for one; None where it has no more use."""
        if slot in self._up:
            return self._up[slot][0]
        self._since = time.monotonic()
        remote = self._ray.remote(RayWorker).options(
            num_cpus=1, num_gpus=self._gpus, scheduling_strategy="SPREAD"
        )
        for _ in range(BEGINNINGS_MOST):
            if self._over() or self._stopping:
                return None
            actor = remote.remote()
            try:
                begun = actor.begin.remote(self._references, self._work[slot])
                host, theirs, problem = self._got(begun, for_room=True)
            except LostWorkerError as error:
                problem = str(error)
                continue
            except _EndedError:
                self._ray.kill(actor)
                raise
            if not problem and theirs != software():
                problem = f"it has {theirs}, this command {software()}: install the same on both."
            if not problem:
                self._up[slot] = (actor, host)
                return actor
            problem = f"{host}: {problem}"
            break
        self._break(f"{self._cluster.name} cannot serve: {problem}")
        return None

    def _next(self) -> tuple[Sequence[JobSpec], Answer] | None:
        """Waits for a pack; returns None where there are to be no more."""
        with self._changed:
            while not self._packs and not self._over():
                self._changed.wait(TICK_SECONDS)
            return self._packs.popleft() if self._packs and not self._over() else None

    def _outcomes(self, actor: Any) -> list[JobOutcome]:
        """Waits for the end of what an actor works on.

        Raises:
            LostWorkerError: Its worker process died, or the actor itself.
        """
        told = False
        while True:
            heard: Heard = pickle.loads(self._got(actor.heard.remote(ASKED_SECONDS)))
            for sign in heard.signs:
                self._on_event(sign)
            if heard.outcomes is not None:
                return heard.outcomes
            if heard.lost is not None:
                raise LostWorkerError(heard.lost)
            if self._stopping and not told:
                actor.stop.remote()
                told = True

    def _got(self, reference: Any, *, for_room: bool = False) -> Any:
        """Returns what an actor answers.

        Args:
            reference: To the answer.
            for_room: Whether it may not have begun: then a stop does not wait for it.

        Raises:
            LostWorkerError: The actor is gone, or the cluster.
            _EndedError: The executor ends.
        """
        try:
            while not self._ray.wait([reference], timeout=TICK_SECONDS)[0]:
                if self._killing or (for_room and (self._stopping or self._ending)):
                    raise _EndedError
                if self._broken:
                    raise _LostActorError(self._broken)
            return self._ray.get(reference)
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise _LostActorError(_death(str(error))) from error

    def _watch(self) -> None:
        """Looks after the cluster, and after packs that no actor will take."""
        looked = 0.0
        while not self._over():
            time.sleep(TICK_SECONDS)
            if time.monotonic() - looked > WATCH_SECONDS:
                looked = time.monotonic()
                if self._cluster.gone():
                    self._break(f"{self._cluster.name} is gone.")
                elif self.held_up:
                    with contextlib.suppress(Exception):
                        self._room = f", {self._cluster.room()}"
            if self._stopping or self._broken:
                self._hand_back()
        self._hand_back()

    def _hand_back(self) -> None:
        with self._changed:
            left, self._packs = list(self._packs), deque()
        for pack, answer in left:
            answer.set_result(_all(pack, self._excuse() or "interrupted", self._broken))

    def _over(self) -> bool:
        """Says whether no pack is to be begun any more."""
        return self._killing or bool(self._broken) or (self._ending and not self._packs)

    def _excuse(self) -> Status | None:
        """Returns how packs end that are cut short by no fault of a worker."""
        return "blocked" if self._broken else "interrupted" if self._stopping else None

    def _break(self, why: str) -> None:
        """Has this pack and every other come back as blocked."""
        self._broken = self._broken or (
            f"{why[0].upper()}{why[1:]} Nothing is lost: run the same command again when it works."
        )

    def _drop(self, slot: int) -> None:
        """Ends a slot's actor."""
        self._since = time.monotonic()
        held = self._up.pop(slot, None)
        if held is not None and not self._broken:  # without its driver it ends by itself
            with contextlib.suppress(Exception):
                self._ray.kill(held[0])

    def _give_up_a_place(self, slot: int, sign: str) -> bool:
        """Lets one pack fewer run at once, where others on that host use what was short."""
        with self._changed:
            hosts = [host for _, host in self._up.values()]
            if of_gpu(sign) or hosts.count(self._up[slot][1]) < 2:
                return False
            self._drop(slot)
            self._wanted -= 1
            return True


def _all(pack: Sequence[JobSpec], status: Status, error: str) -> list[JobOutcome]:
    return [JobOutcome(spec.key, status, error=error or None) for spec in pack]


def _death(words: str) -> str:
    """Says in a line what Ray says in many."""
    for sign in ("ModuleNotFoundError", "ImportError"):
        if sign in words:
            return words[words.rindex(sign) :].splitlines()[0]
    if "low on memory" in words or "OutOfMemory" in words:
        return "The worker was ended by Ray: its node was low on memory."
    for sign, what in DEATHS.items():
        if sign in words:
            return f"The worker's Ray actor is gone: {what}."
    return "The worker's Ray actor is gone: " + " ".join(words.split())[:LONGEST]
