"""What the document has its reader type works in the systems that it is about.

That aiart can be installed by it, the fixture `pis` shows.
"""

from __future__ import annotations

import shutil

from tests.raspberry_pi.conftest import REPOSITORY, type_line
from tests.raspberry_pi.document import lines_of
from tests.raspberry_pi.systems import Pi

# systemd's own score, 0 to 10: it calls what is below 1 SAFE. As it wants it, in tenths.
_MOST_EXPOSED = "10"


def test_the_camera_line_gives_a_verdict(pi: Pi) -> None:
    camera = pi.root / "usr/bin/rpicam-still"
    shutil.copy(REPOSITORY / "samples" / "van-gogh-auvers-1890.jpg", camera.with_suffix(".jpg"))
    camera.write_text('#!/bin/sh\nexec cat "$0.jpg"\n')
    camera.chmod(0o755)
    (line,) = lines_of("A camera")
    assert type_line(pi, line).stdout.endswith(
        "  -\n        the file says nothing\nA verdict is a signal, not proof.\n"
    )


def test_the_lines_for_a_service_install_one_that_systemd_finds_sound_and_safe(pi: Pi) -> None:
    for line in lines_of("A folder that is watched"):
        done = type_line(pi, line)
        if "verify" in line:
            assert done.stdout + done.stderr == ""
    wanted = pi.root / "etc/systemd/system/multi-user.target.wants/aiart-watch.service"
    assert wanted.is_symlink()
    unit = "/etc/systemd/system/aiart-watch.service"
    security = ("systemd-analyze", "--no-pager", "security", "--offline=true")
    done = pi.run(*security, f"--threshold={_MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout
