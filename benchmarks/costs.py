"""Costs that are the same whenever they are measured, and so are gated exactly.

`python -m benchmarks.costs` prints them beside those recorded in costs.json, and fails where one
has risen; `--write` records them. They are those of Python 3.11: another imports other modules.
What an emulated Raspberry Pi counts, tests/raspberry_pi records in raspberry_pi.json, and gates.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from pathlib import Path

import click
from packaging.requirements import Requirement

from aiart_edge.errors import AiartError
from aiart_edge.files import EMBEDDED_MODEL, write_atomically
from aiart_edge.program import run

RECORDED = Path(__file__).parent / "costs.json"

_ROOMS = ("edge", "train", "convert")


def measure_costs() -> dict[str, int]:
    """Measure what can be measured on any machine.

    Returns:
        The costs by name.
    """
    brought = _requirements("aiart") - {"aiart"}
    return {
        "embedded model, bytes": EMBEDDED_MODEL.stat().st_size,
        "installed by aiart itself, kB, in steps of 100": _in_steps(_own_size(), 100_000) // 1000,
        "plain install with all it brings, MB, in steps of 10": (
            _in_steps(_own_size() + sum(map(_size, brought)), 10_000_000) // 1_000_000
        ),
        "packages that the plain install brings": len(brought),
        **{
            f"modules imported by aiart-{room} --help": _modules_of_help(f"aiart_{room}")
            for room in _ROOMS
        },
    }


def risen(
    recorded: Mapping[str, int],
    measured: Mapping[str, int],
    tolerance: Callable[[str], float] = lambda _: 0.0,
) -> dict[str, str]:
    """Find the costs that have risen, or that nobody has recorded.

    Args:
        recorded: the costs that were agreed on.
        measured: those of now.
        tolerance: gives the share by which the cost of a name may have risen. Default 0.

    Returns:
        By name, what it was and what it is.
    """
    return {
        name: f"{recorded.get(name, 'not recorded')} -> {value}"
        for name, value in measured.items()
        if value > recorded.get(name, -1) * (1 + tolerance(name))
    }


def _in_steps(size: int, step: int) -> int:
    """Round up, so that a line of code, or a patch release of a package, is no rise."""
    return -(-size // step) * step


def _own_size() -> int:
    """Add up what setup.cfg installs, in bytes."""
    return sum(
        path.stat().st_size
        for room in _ROOMS
        for path in _package(f"aiart_{room}").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )


def _size(name: str) -> int:
    """Add up what a distribution installs, in bytes."""
    found = (Path(str(file.locate())) for file in distribution(name).files or [])
    return sum(path.stat().st_size for path in found if path.suffix != ".pyc" and path.is_file())


def _requirements(name: str) -> set[str]:
    """Name what a plain install of a distribution brings, and what that brings."""
    found = {name}
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found |= _requirements(requirement.name)
    return found


def _modules_of_help(package: str) -> int:
    """Count in a process that sees nothing but the rooms and click: no .pth file adds its own."""
    names = (*(f"aiart_{room}" for room in _ROOMS), "click")
    places = [str(_package(name).parent) for name in names]
    script = (
        "import sys; sys.path += sys.argv[1:]; sys.argv[1:] = ['--help']\n"
        f"from {package}.cli import program\n"
        "try: program()\n"
        "except SystemExit: print(len(sys.modules))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", script, *places],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@click.command()
@click.option("--write", is_flag=True, help="Record what was measured.")
def main(write: bool) -> None:
    """Print the costs, and fail where one has risen."""
    recorded: dict[str, int] = json.loads(RECORDED.read_bytes())
    measured = measure_costs()
    for name, value in measured.items():
        click.echo(f"{value:>12,}  {name}  (recorded {recorded.get(name, 'nowhere')})")
    if write:
        write_atomically(RECORDED, (json.dumps(measured, indent=1) + "\n").encode())
    elif worse := risen(recorded, measured):
        raise AiartError(
            f"risen: {', '.join(worse)}: mend it, or record it with  python -m benchmarks.costs "
            "--write"
        )


if __name__ == "__main__":
    run(main)
