"""The emulated systems, with aiart installed as the document says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache as cached
from pathlib import Path

import pytest

from tests.raspberry_pi.costs import Costs, count_costs
from tests.raspberry_pi.document import lines_of, packages_of
from tests.raspberry_pi.pictures import draw_pictures
from tests.raspberry_pi.systems import HERE, SYSTEMS, Pi, build

REPOSITORY = HERE.parents[1]
CACHE = "AIART_RASPBERRY_PI"
AIART_EDGE = "/opt/aiart/bin/aiart-edge"
RUNTIMES = [(system.name, runtime) for system in SYSTEMS for runtime in system.runtimes]

Done = subprocess.CompletedProcess[str]
Everywhere = Callable[..., Mapping[tuple[str, str], Done]]


@pytest.fixture(scope="session")
def cache() -> Path:
    """The folder that is kept from one run to the next."""
    if CACHE not in os.environ:
        pytest.skip("tests/raspberry_pi/run does it: it takes root, Debian 12 and minutes")
    return Path(os.environ[CACHE])


@pytest.fixture(scope="session")
def wheel(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by way of a source distribution.

    Of a copy of the tree, since setuptools works in the tree, and so may other tests beside it.
    """
    folder, tree = (tmp_path_factory.mktemp(name) for name in ("dist", "tree"))
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info")
    shutil.copytree(REPOSITORY, tree, ignore=ignored, dirs_exist_ok=True)
    build_both = [sys.executable, "-m", "build", "--outdir", str(folder), str(tree)]
    subprocess.run(build_both, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def pool() -> Iterator[ThreadPoolExecutor]:
    """What keeps this machine's cores busy: an emulator takes one."""
    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    yield pool
    pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def pis(cache: Path, wheel: Path, pool: ThreadPoolExecutor) -> dict[str, Pi]:
    """All the systems, with aiart installed."""

    def install(pi: Pi) -> None:
        shutil.rmtree(pi.root / "opt", ignore_errors=True)
        shutil.rmtree(pi.root / "root")
        shutil.copytree(REPOSITORY / "samples", pi.root / "root")
        shutil.copy(wheel, pi.root / "root")
        with helping_pip(pi):
            for line in lines_of(pi.system.name)[1:]:
                type_line(pi, line)

    found = [build(system, packages_of(system.name), cache) for system in SYSTEMS]
    list(pool.map(install, found))
    return {pi.system.name: pi for pi in found}


@pytest.fixture(scope="session", autouse=True)
def counted(pis: dict[str, Pi], pool: ThreadPoolExecutor) -> list[Future[Costs]]:
    """The costs in each system; they take longest, and are counted while other tests run."""
    return [pool.submit(count_costs, pi) for pi in pis.values()]


@pytest.fixture(scope="session")
def everywhere(pis: dict[str, Pi], pool: ThreadPoolExecutor) -> Everywhere:
    """Run aiart-edge in all systems, with all their runtimes, side by side."""

    @cached
    def run(*words: str) -> Mapping[tuple[str, str], Done]:
        done = pool.map(
            lambda where: pis[where[0]].run(AIART_EDGE, *words, "--runtime", where[1]), RUNTIMES
        )
        return dict(zip(RUNTIMES, done, strict=True))

    return run


@pytest.fixture(scope="session", params=[system.name for system in SYSTEMS])
def pi(pis: dict[str, Pi], request: pytest.FixtureRequest) -> Pi:
    """Each system."""
    return pis[request.param]


@pytest.fixture(scope="session")
def pictures(pis: dict[str, Pi], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Drawn pictures and the samples; in every system they lie in /root/pictures."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_pictures(folder)
    for sample in (REPOSITORY / "samples").glob("*.jpg"):
        (folder / sample.name).write_bytes(sample.read_bytes())
    found = sorted(folder.iterdir())
    assert len(found) >= 22
    for pi in pis.values():
        copy_to(pi, "pictures", found)
    return found


def copy_to(pi: Pi, folder: str, files: list[Path]) -> None:
    place = pi.root / "root" / folder
    place.mkdir(exist_ok=True)
    for file in files:
        (place / file.name).write_bytes(file.read_bytes())


def type_line(pi: Pi, line: str) -> Done:
    """Have the system's shell do a line of the document; the user is root already."""
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
        "USER": "root",
        "SYSTEMD_OFFLINE": "1",
    }
    done = pi.run("/bin/sh", "-c", line.replace("sudo ", ""), environment=offline)
    assert done.returncode == 0, f"{pi.system.name}: {line}\n{done.stdout}{done.stderr}"
    return done


_FOR_PIP = b"""
import builtins, compileall, os, sys

compileall.compile_file = lambda *_, **__: False
really_open = open

def open_file(file, *arguments, **options):
    path = os.path.realpath(file) + ".arm" if file == sys.executable else file
    return really_open(path, *arguments, **options)

builtins.open = open_file
"""


@contextmanager
def helping_pip(pi: Pi) -> Iterator[None]:
    """Keep pip from compiling all that it installs, which would take minutes under emulation.

    On 32-bit ARM it also reads the head of its Python, and shall not find the launcher's.
    """
    place = f"/etc/python{pi.system.python}/sitecustomize.py"
    # Written from within: from without, a link in the system would lead out of it. A run that was
    # killed left the file as it should not be, and the kept one as it was.
    keep = f"test -e {place}.kept || cp {place} {place}.kept; cat > {place}"
    saved = pi.run("/bin/sh", "-ec", keep, stdin=_FOR_PIP)
    assert saved.returncode == 0, saved.stderr
    try:
        yield
    finally:
        pi.run("/bin/mv", f"{place}.kept", place)
