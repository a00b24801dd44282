"""A stand-in for a camera's command: writes a picture again and again, as MJPEG.

`python film.py PICTURE CAP` does so until the file CAP is there, and then complains and fails.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

picture, cap = map(Path, sys.argv[1:])
content = picture.read_bytes()
while not cap.exists():
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
    threading.Event().wait(0.02)
sys.exit("film.py: starting\nthe cap is on the lens\n")
