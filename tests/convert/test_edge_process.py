"""The edge in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from aiart_convert.edge_process import installed_runtimes, score_on_edge
from aiart_edge import Classifier, InputRule, PictureError
from aiart_edge.model_file import read_model_file

DEFAULT = installed_runtimes("float32")[0]  # the one that the edge prefers
PATIENCE = 300  # seconds, on a machine that has much else to do


def test_it_gives_the_classifiers_own_scores(model_files: dict[str, Path], art: Path) -> None:
    pictures = sorted((art / "RealArt").iterdir())[:5]
    model = read_model_file(model_files["float32"])
    scores = score_on_edge(model.network, pictures, model.description.input, DEFAULT)
    with Classifier.load(model.path) as classifier:
        assert np.array_equal(scores, [classifier.scores(picture) for picture in pictures])


SCORE_FOR_LONG = """
import signal
from pathlib import Path
import click
from aiart_convert.edge_process import installed_runtimes, score_on_edge
from aiart_edge import InputRule

@click.command()
@click.argument("network", type=Path)
@click.argument("picture", type=Path)
def main(network, picture):
    runtime = installed_runtimes('float32')[0]
    score_on_edge(network.read_bytes(), [picture] * 100_000, InputRule(64, 64), runtime)

signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests may run where it is ignored
main()
"""


def test_ctrl_c_while_the_edge_scores_is_one_word_and_ends_both_processes(
    model_files: dict[str, Path], art: Path
) -> None:
    command = [sys.executable, "-c", SCORE_FOR_LONG, model_files["int8"], art / "AiArt" / "00.jpg"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        while not (at_work := list(filter(has_loaded_numpy, children.read_text().split()))):
            time.sleep(0.01)
        os.killpg(parent.pid, signal.SIGINT)  # a terminal sends it to the whole group
        _, said = parent.communicate(timeout=PATIENCE)
        late = time.monotonic() + PATIENCE  # what was killed dies when its turn comes
        while any(map(is_running, at_work)):
            assert time.monotonic() < late
            time.sleep(0.01)
    assert parent.returncode == 1
    assert said.split() == ["Aborted!"]


def has_loaded_numpy(process: str) -> bool:
    """Tell whether a process is in the midst of Python, where an interrupt would be a traceback."""
    with contextlib.suppress(OSError):
        return "numpy" in Path(f"/proc/{process}/maps").read_text()
    return False


def is_running(process: str) -> bool:
    """Tell whether a process still does anything; a dead one may not have been buried yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def test_a_network_that_the_runtime_refuses_is_a_value_error(art: Path) -> None:
    with pytest.raises(ValueError, match="not a TFLite network"):
        score_on_edge(b"\0" * 1000, [art / "AiArt" / "00.jpg"], InputRule(64, 64), DEFAULT)


def test_a_picture_that_cannot_be_read_is_reported_as_at_home(
    model_files: dict[str, Path], tmp_path: Path
) -> None:
    network = read_model_file(model_files["int8"]).network
    with pytest.raises(PictureError, match="No such file"):
        score_on_edge(network, [tmp_path / "missing.jpg"], InputRule(64, 64), DEFAULT)
