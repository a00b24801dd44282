"""`watch` beside a writer, killed at random moments: a short run of the hour's."""

from __future__ import annotations

import re

from click.testing import CliRunner

from benchmarks.watch_soak import Life, audit, main


def test_a_watcher_that_is_killed_loses_no_picture() -> None:
    result = CliRunner().invoke(main, ["--minutes", "0.1", "--kills", "3", "--rate", "4"])
    assert result.exit_code == 0, result.output
    assert "3 kills" in result.stdout
    assert int(re.findall(r"written: (\d+)", result.stdout)[0]) > 5


def test_a_picture_may_come_again_only_if_it_was_the_last_before_a_kill() -> None:
    lives = [Life(["a", "b"]), Life([]), Life(["b", "c", "a", "d"])]
    findings = audit({"a", "b", "c", "e"}, lives)
    assert (findings.again, findings.twice) == (["b"], ["a"])
    assert (findings.lost, findings.foreign) == (["e"], ["d"])
