"""A program for the device: the steps of a cold start, each ended by a mark that counter.c hears.

`cold_start.py RUNTIME PICTURE` prints the peak memory in kB, without what the emulator takes.
"""

import os
import sys


def mark() -> None:
    try:  # noqa: SIM105  an import would be counted
        os.getpriority(4242, 0)
    except OSError:
        pass  # Linux knows no such priority


mark()
import numpy  # noqa: E402, F401

mark()
import PIL.JpegImagePlugin  # noqa: E402, F401

mark()
from aiart_edge.runtime import import_interpreter, load_network  # noqa: E402

import_interpreter(sys.argv[1])
mark()
from aiart_edge.classifier import Classifier  # noqa: E402, F401
from aiart_edge.files import EMBEDDED_MODEL  # noqa: E402
from aiart_edge.image import read_picture  # noqa: E402
from aiart_edge.model_file import read_model_file  # noqa: E402

model = read_model_file(EMBEDDED_MODEL)
network = load_network(model.network, runtime=sys.argv[1], trusted=True)
mark()
picture = read_picture(sys.argv[2], model.description.input)
mark()
network.scores(picture.pixels)
mark()
network.scores(picture.pixels)
mark()


def areas(name: str) -> list[tuple[int, int, str]]:
    """Read a process's areas of memory: start, end, and what is said of them."""
    found = []
    with open(f"/proc/self/{name}") as file:  # noqa: PTH123
        for line in file:
            first, *rest = line.split()
            if "-" in first:
                start, end = (int(number, 16) for number in first.split("-"))
                found.append([start, end, " ".join(rest)])
            elif first == "Rss:":
                found[-1].append(int(rest[0]))
    return found


# The emulator shows its program the program's own areas in maps, and all areas in smaps.
guest, host = areas("maps"), areas("smaps")
library = "libpython" if any("libpython" in area[2] for area in guest) else "python3"
moved = next(a[0] for a in host if library in a[2]) - next(a[0] for a in guest if library in a[2])
own = [(start + moved, end + moved) for start, end, *_ in guest]
emulator = sum(
    rss for start, end, _, rss in host if not any(a <= start and end <= b for a, b in own)
)
with open("/proc/self/status") as file:  # noqa: PTH123
    peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
print(peak - emulator)  # noqa: T201
