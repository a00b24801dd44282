"""How the suites run: their options, their recordings, and what they add to the JSON file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aiart_edge.errors import AiartError
from benchmarks.machine import describe_machine, machine_state
from benchmarks.pictures import Pictures, find_pictures
from benchmarks.recording import Recording, Workers, record
from benchmarks.variants import Models, Variant, all_variants, find_models, suites_of

Recordings = Callable[[str], dict[Variant, Recording]]

_STATES = pytest.StashKey[list[dict[str, Any]]]()
_BEFORE = pytest.StashKey[dict[str, str]]()
_PICTURES = pytest.StashKey[Pictures]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("aiart")
    group.addoption(
        "--run",
        type=lambda name: Path(name).resolve(),
        help="A run folder with converted files.  [default: the embedded model, on the samples]",
    )
    group.addoption("--data", type=Path, help="The run's data folder.  [default: its card's]")
    group.addoption("--pictures", type=int, help="At most so many of the test part.")
    group.addoption("--rounds", type=int, default=200, help="Timed calls of each variant.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STATES] = []
    config.stash[_BEFORE] = machine_state()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = ("suite", "tool", "precision", "runtime", "threads")
    if set(names) <= set(metafunc.fixturenames):
        pairs = list(suites_of(list(all_variants(len(os.sched_getaffinity(0))))))
        metafunc.parametrize(
            names,
            [(suite, *vars(variant).values()) for suite, variant in pairs],
            ids=[f"{suite}-{variant}" for suite, variant in pairs],
        )


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest) -> Models:
    """The files to be compared."""
    return find_models(request.config.getoption("--run"))


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Pictures:
    """The pictures to compare them on."""
    option = request.config.getoption
    try:
        found = find_pictures(option("--run"), option("--data"), option("--pictures"))
    except AiartError as error:
        pytest.exit(error.format_message(), returncode=2)
    request.config.stash[_PICTURES] = found
    return found


@pytest.fixture(scope="session")
def recordings(
    request: pytest.FixtureRequest, models: Models, pictures: Pictures
) -> Iterator[Recordings]:
    """Record a suite, once: all of its variants that were not deselected, in turn."""
    rounds = request.config.getoption("--rounds")
    asked: dict[str, list[Variant]] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and "suite" in getattr(item, "fixturenames", ()):
            parameters: dict[str, Any] = dict(item.callspec.params)
            asked.setdefault(parameters.pop("suite"), []).append(Variant(**parameters))
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")

    @cache
    def recorded(suite: str) -> dict[Variant, Recording]:
        with capture.global_and_fixture_disabled():  # it takes minutes: say what goes on
            sys.stderr.write(f"\n{suite}: {len(asked[suite])} variants take turns\n")
        return record(workers, models, suite, asked[suite], pictures.paths, rounds)

    with Workers() as workers:
        yield recorded


@pytest.fixture
def note_state(request: pytest.FixtureRequest) -> Callable[[str, Variant, str], None]:
    """Note why a variant has no figures, for the JSON file."""
    return lambda suite, variant, state: request.config.stash[_STATES].append(
        {"suite": suite, **vars(variant), "state": state}
    )


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    return describe_machine()


def pytest_benchmark_generate_commit_info() -> dict[str, Any]:
    return {}


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    pictures = config.stash[_PICTURES]
    output_json["states"] = config.stash[_STATES]
    output_json["before"], output_json["after"] = config.stash[_BEFORE], machine_state()
    output_json["labels"], output_json["original"] = pictures.labels, pictures.original
    for benchmark in output_json["benchmarks"]:
        if "data" in benchmark["stats"]:  # to a microsecond: fewer digits, the same figures
            benchmark["stats"]["data"] = [round(value, 6) for value in benchmark["stats"]["data"]]
