"""How the C library hands out memory."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's mallopt, see malloc.h. TensorFlow allocates each tensor anew, and glibc maps each large
# one anew, whose pages Linux clears first: half the time of a step on two cores.
_OPTIONS = {
    -4: 0,  # M_MMAP_MAX: no maps of their own,
    -8: 1,  # M_ARENA_MAX: but one heap, which holds tensors of any size
    -2: 1 << 28,  # M_TOP_PAD: and keeps so many bytes when its end becomes free
}


def reuse_memory() -> None:
    """Let tensors take the memory that earlier ones left, where the C library is glibc.

    To be called before the first of them. Results do not change.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in _OPTIONS.items():
            mallopt(option, value)
