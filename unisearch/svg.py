"""SVG drawings → PNG, rendered in child processes that may die without harm."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import select
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from unisearch.errors import MissingExtra, PictureError

_CHILD = Path(__file__).with_name("svg_child.py")
_MAX_SIDE_PX = 4096


def render_svg(text: bytes, side_px: int, *, timeout_s: float = 30.0) -> bytes:
    """Renders a drawing on white. Safe to call from several threads.

    Args:
        text: The drawing, not gzipped.
        side_px: Length of the longer side of the result, at most 4096.
        timeout_s: After this long the renderer is killed.

    Returns:
        A PNG file.

    Raises:
        MissingExtra: If resvg-py is not installed.
        PictureError: ``damaged`` if it is no drawing that can be rendered, ``timed-out``.
    """
    if importlib.util.find_spec("resvg_py") is None:
        raise MissingExtra("reading SVG drawings", "svg")
    renderer = _take_renderer()
    try:
        ok, answer = renderer.render(text, min(side_px, _MAX_SIDE_PX), timeout_s)
    except BaseException:
        renderer.stop()
        raise
    _give_back(renderer)
    if not ok:
        message = answer.decode("utf-8", "replace")
        raise PictureError("damaged", f"the drawing cannot be rendered: {message}")
    return answer


class _Renderer:
    """One child process and the pipes to it."""

    def __init__(self) -> None:
        # -P keeps this folder off the child's sys.path: it needs nothing of unisearch.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.pid = os.getpid()

    def render(self, text: bytes, side_px: int, timeout_s: float) -> tuple[bool, bytes]:
        assert self._process.stdin is not None
        deadline = time.monotonic() + timeout_s
        try:
            self._process.stdin.write(struct.pack("<II", side_px, len(text)) + text)
            self._process.stdin.flush()
            ok, length = struct.unpack("<BI", self._read(5, deadline))
            return bool(ok), self._read(length, deadline)
        except TimeoutError:
            message = f"rendering took longer than {timeout_s:g} seconds"
            raise PictureError("timed-out", message) from None
        except (BrokenPipeError, EOFError):
            message = "the drawing makes the renderer fail (it may ask for too much memory)"
            raise PictureError("damaged", message) from None

    def _read(self, length: int, deadline: float) -> bytes:
        """Exactly ``length`` bytes of the child's answer."""
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        poll = select.poll()  # select() itself takes no handle above 1023
        poll.register(handle, select.POLLIN)
        data = bytearray()
        while len(data) < length:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            block = os.read(handle, length - len(data))
            if not block:
                raise EOFError
            data += block
        return bytes(data)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it had not read is lost with it
                    pipe.close()


_idle: list[_Renderer] = []
_idle_lock = threading.Lock()


def _take_renderer() -> _Renderer:
    with _idle_lock:
        while _idle:
            renderer = _idle.pop()
            if renderer.pid == os.getpid():  # not the parent's, inherited by a fork
                return renderer
    return _Renderer()


def _give_back(renderer: _Renderer) -> None:
    with _idle_lock:
        _idle.append(renderer)


@atexit.register
def _stop_all() -> None:
    with _idle_lock:
        for renderer in _idle:
            if renderer.pid == os.getpid():
                renderer.stop()
        _idle.clear()
