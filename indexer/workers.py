"""Threads that read files, none of which can hold up the rest."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)

Job = TypeVar("Job")
Message = TypeVar("Message")

_POLL_S = 0.05


class Gate:
    """Bounds the pixels that several threads decode at one time.

    Args:
        capacity: Pixels; one picture that is larger is let through alone.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: dict[int, int] = {}
        self._changed = threading.Condition()

    def acquire(self, pixels: int) -> None:
        """Waits until there is room; the calling thread holds it until it is released."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._held or sum(self._held.values()) + pixels <= self._capacity
            )
            self._held[threading.get_ident()] = pixels

    def release(self, thread: int) -> None:
        """Takes back what a thread holds: its own, or that of one that will never do so."""
        with self._changed:
            self._held.pop(thread, None)
            self._changed.notify_all()


class Worker(Generic[Job]):
    """One thread, what it does, and since when."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.since: float | None = None
        """When it last got on; ``None`` while it waits for others."""
        self.busy_s = 0.0
        self.given_up = False
        self.thread: threading.Thread | None = None

    def tick(self) -> None:
        """Says that it gets on."""
        now = time.monotonic()
        if self.since is not None:
            self.busy_s += now - self.since
        self.since = now

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Within this the time is not its own."""
        self.tick()
        self.since = None
        try:
            yield
        finally:
            self.since = time.monotonic()


class Workers(Generic[Job, Message]):
    """Threads that turn jobs into messages.

    A thread cannot be stopped from outside. One that takes too long over a job is given up: its
    job is reported by ``overdue``, another thread takes its place, and whatever it says later is
    not heard.

    Args:
        work: Turns a job into messages; called in a thread, with the worker to tell of progress.
        count: How many threads.
        max_waiting: How many messages may wait to be taken before the threads wait.
        max_jobs: How many jobs may wait before ``put`` waits.
        timeout_s: How long a thread may go without a message or a tick.
    """

    def __init__(
        self,
        work: Callable[[Job, Worker[Job]], Iterator[Message]],
        *,
        count: int,
        max_waiting: int,
        max_jobs: int,
        timeout_s: float,
    ) -> None:
        self._work = work
        self._timeout_s = timeout_s
        self._jobs: queue.Queue[Job | None] = queue.Queue(max_jobs)
        self._messages: queue.Queue[tuple[Job, Message | Exception] | None] = queue.Queue(
            max_waiting
        )
        self._stopping = threading.Event()
        self._busy_s = 0.0
        self._workers = [self._start() for _ in range(count)]

    def put(self, job: Job) -> None:
        """Adds a job, waiting while there are too many; does nothing once stopped."""
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._jobs.put(job, timeout=_POLL_S)
                return

    def get(self, timeout_s: float) -> tuple[Job, Message | Exception] | None:
        """The next message and its job; an exception if the work failed; ``None`` if none came."""
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Lets a waiting ``get`` return at once."""
        with contextlib.suppress(queue.Full):  # then it does not wait
            self._messages.put_nowait(None)

    def overdue(self) -> list[Job]:
        """Jobs that take too long, each reported once; their threads are replaced."""
        jobs: list[Job] = []
        now = time.monotonic()
        for at, worker in enumerate(self._workers):
            since, job = worker.since, worker.job
            if since is None or job is None or now - since < self._timeout_s:
                continue
            worker.given_up = True
            self._busy_s += worker.busy_s + (now - since)
            jobs.append(job)
            self._workers[at] = self._start()
            self.on_given_up(worker)
        return jobs

    def on_given_up(self, worker: Worker[Job]) -> None:
        """Called for a thread that is given up; may be replaced to free what it holds."""

    @property
    def busy_s(self) -> float:
        """Time that all threads together have worked."""
        return self._busy_s + sum(worker.busy_s for worker in self._workers)

    def stop(self) -> None:
        """Ends all threads that can be ended, after the message they are at."""
        self._stopping.set()
        for _ in self._workers:
            with contextlib.suppress(queue.Full):
                self._jobs.put_nowait(None)
        deadline = time.monotonic() + 2.0
        for worker in self._workers:
            if worker.thread is not None:
                worker.thread.join(max(0.0, deadline - time.monotonic()))

    def _start(self) -> Worker[Job]:
        worker: Worker[Job] = Worker()
        # A daemon: a decoder that never returns must not keep the program from ending.
        worker.thread = threading.Thread(
            target=self._run, args=(worker,), name="unisearch-reader", daemon=True
        )
        worker.thread.start()
        return worker

    def _run(self, worker: Worker[Job]) -> None:
        while not self._stopping.is_set() and not worker.given_up:
            try:
                job = self._jobs.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if job is None:
                return
            worker.job, worker.since = job, time.monotonic()
            messages = self._work(job, worker)
            try:
                for message in messages:
                    with worker.waiting():
                        if not self._say(worker, job, message):
                            return
            except Exception as error:
                _log.debug("reading failed", exc_info=True)
                with worker.waiting():
                    self._say(worker, job, error)
            finally:
                worker.tick()
                worker.job = worker.since = None
                if hasattr(messages, "close"):
                    messages.close()

    def _say(self, worker: Worker[Job], job: Job, message: Message | Exception) -> bool:
        while not self._stopping.is_set() and not worker.given_up:
            with contextlib.suppress(queue.Full):
                self._messages.put((job, message), timeout=_POLL_S)
                return True
        return False
