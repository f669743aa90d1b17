"""Renders SVG drawings in a process of its own; started by ``unisearch.svg``, not imported.

The renderer aborts its process when a drawing asks for more memory than there is, and nothing can
stop it when one takes for ever. Here that costs one drawing.

It reads requests from stdin and answers on stdout, all integers little-endian: a request is the
side in pixels (u32), the length (u32) and the drawing; an answer is 1 for a PNG or 0 for a
complaint (u8), the length (u32) and the PNG or the complaint in UTF-8.
"""

from __future__ import annotations

import struct
import sys

_MEMORY_BYTES = 2 << 30
_DPI = 96.0
"""What CSS counts an inch as. Without it the renderer takes no size in inches, points or mm."""


def main() -> None:
    """Answers requests until stdin ends."""
    import resvg_py

    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    except (ImportError, ValueError, OSError):
        pass  # not every system has such a limit; the time limit remains
    while head := sys.stdin.buffer.read(8):
        side, length = struct.unpack("<II", head)
        text = sys.stdin.buffer.read(length)
        try:
            # Width and height together mean: as large as fits, proportions kept.
            png = resvg_py.svg_to_bytes(
                svg_string=_decode(text), background="#ffffff", width=side, height=side, dpi=_DPI
            )
            ok, answer = 1, bytes(png)
        except Exception as error:
            ok, answer = 0, str(error).encode("utf-8", "replace")
        sys.stdout.buffer.write(struct.pack("<BI", ok, len(answer)) + answer)
        sys.stdout.buffer.flush()


def _decode(text: bytes) -> str:
    """XML in UTF-8 or UTF-16; anything else is taken as Latin-1."""
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("latin-1")


if __name__ == "__main__":
    main()
