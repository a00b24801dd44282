"""What the C library does with memory that was freed."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

_FAULTS = """
import resource

from aiart_train.learning.allocator import reuse_memory

reuse_memory()
b"x" * (1 << 27)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    b"x" * (1 << 27)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is done on Linux alone")
def test_a_large_block_takes_the_memory_of_the_one_before() -> None:
    done = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, check=True)
    assert int(done.stdout) < (1 << 27) // resource.getpagesize()  # pages of one of the ten
