"""Every option of every command, with values that nobody means: one line, and never a traceback."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOMS = ("aiart_edge", "aiart_train", "aiart_convert")
EXAMPLES = int(os.environ.get("AIART_EXAMPLES", "8"))  # of a command
LEFT_OUT = {"fetch", "serve"}  # one asks the network, the other waits until it is asked

ODD = [
    *("nan", "inf", "-inf", "1e309", "-1", "0", "1", "0.5", "-0.0", "1e-320", "1_0", "0x10", "٣"),
    *(
        "9" * 30,
        "-" + "9" * 30,
        "999999999999",
        "",
        " ",
        ",",
        "é☃",
        "\udcff",
        "a\tb\nc",
        "x" * 5000,
    ),
    *(
        "/dev/zero",
        "/dev/full",
        "/",
        ".",
        "missing",
        "224x",
        "x",
        "1x0",
        "int8",
        "ai,human",
        "-",
        "--",
    ),
]


def walk(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            if name not in LEFT_OUT:
                yield from walk(below, *names, name)
    else:
        yield names, command


COMMANDS = {
    " ".join((room, *names)): (import_module(f"{room}.cli").main, names, command)
    for room in ROOMS
    for names, command in walk(import_module(f"{room}.cli").main)
}


def draw_line(draw: st.DrawFn, command: click.Command) -> list[str]:
    """Draw some options with odd values; what else must be named is a file that is not there."""
    line = []
    options = [option for option in command.params if isinstance(option, click.Option)]
    chosen = draw(st.lists(st.sampled_from(options), max_size=3, unique=True)) if options else []
    needed = [option for option in options if option.required and option not in chosen]
    for option in chosen:
        line.append(max(option.opts, key=len))
        if not option.is_flag and not option.count:
            line += draw(
                st.lists(st.sampled_from(ODD), min_size=option.nargs, max_size=option.nargs)
            )
    for option in needed:
        line += [max(option.opts, key=len), *["missing"] * option.nargs]
    arguments = [part for part in command.params if isinstance(part, click.Argument)]
    return [*line, *(["missing"] * len(arguments))]


@pytest.mark.parametrize("name", COMMANDS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="AIART_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_value_of_an_option_is_a_traceback(
    name: str, data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main, names, command = COMMANDS[name]
    line = [*names, *data.draw(st.composite(draw_line)(command))]
    result = CliRunner().invoke(main, line, catch_exceptions=True)
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        line,
        result.exc_info,
    )
    assert "Traceback" not in result.output
