"""The wheel, installed as a user would."""

from __future__ import annotations

import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = {"aiart_edge": "edge", "aiart_train": "train", "aiart_convert": "convert"}


def modules_on_disk(*packages: str) -> list[str]:
    return sorted(
        ".".join(path.relative_to(REPOSITORY / ROOMS[package]).with_suffix("").parts)
        for package in packages
        for path in (REPOSITORY / ROOMS[package] / package).rglob("*.py")
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree by way of a source distribution."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean virtual environment with the plain install of the wheel."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    command = [str(folder / "bin" / "pip"), "install", "--quiet", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "bin" / "python"


def run(python: Path, script: str, *arguments: str) -> str:
    """Run a script away from the repository, in a clean environment."""
    command = [str(python), "-I", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert module.__file__.startswith(sys.prefix), module.__file__
print("all imported")
"""


def test_it_holds_every_module_the_type_markers_and_the_embedded_model(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {name.replace(".", "/") + ".py" for name in modules_on_disk(*ROOMS)}
    assert modules <= names
    assert {f"{package}/py.typed" for package in ROOMS} <= names
    assert {"aiart_edge/models/aiart-int8.tflite", "aiart_edge/record.schema.json"} <= names
    service = REPOSITORY / "edge" / "aiart_edge" / "service"
    shown = {*service.glob("page/*"), *service.glob("aiart-serve*")}
    assert {str(path.relative_to(REPOSITORY / "edge")) for path in shown} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == ROOMS.keys()


def test_the_plain_install_brings_the_edge_alone(python: Path) -> None:
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = {line.split("==")[0].lower().replace("_", "-") for line in listed.split()}
    known = {"aiart", "click", "numpy", "pillow", "pip", "setuptools"}
    runtimes = {"tflite-runtime", "ai-edge-litert"}
    of_litert = {"backports-strenum", "flatbuffers", "protobuf", "tqdm", "typing-extensions"}
    assert known - {"setuptools"} <= names
    assert names & runtimes
    assert names <= known | runtimes | of_litert


def test_the_plain_install_imports_every_module_of_the_edge(python: Path) -> None:
    assert run(python, IMPORT_ALL, *modules_on_disk("aiart_edge")) == "all imported\n"


def test_the_plain_install_classifies_a_picture(python: Path) -> None:
    sample = REPOSITORY / "samples" / "van-gogh-auvers-1890.jpg"
    command = [str(python.with_name("aiart-edge")), "classify", str(sample)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] in ("ai", "human", "unsure")


@pytest.mark.parametrize(
    ("command", "arguments", "extra"),
    [
        ("aiart-train", ["fit", "--data", "art"], "train"),
        ("aiart-convert", ["--quantize", "int8"], "convert"),
    ],
)
def test_a_command_whose_extra_is_missing_helps_and_says_what_works(
    python: Path, wheel: Path, command: str, arguments: list[str], extra: str
) -> None:
    script = str(python.with_name(command))
    assert subprocess.run([script, "--help"], capture_output=True, check=False).returncode == 0
    done = subprocess.run([script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    said = shlex.split(done.stderr.partition(": run  ")[2])
    assert Path(said[0]).parent == python.parent
    assert said[1:] == ["-m", "pip", "install", f"{wheel}[{extra}]"]
    tried = [*said, "--dry-run", "--no-deps", "--no-index"]
    assert subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("room", ["edge", "train", "convert"])
def test_a_room_can_be_run_as_a_module(python: Path, room: str) -> None:
    commands = ([str(python), "-m", f"aiart_{room}"], [str(python.with_name(f"aiart-{room}"))])
    as_module, as_script = (
        subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
        for command in commands
    )
    usage = f"Usage: aiart-{room} "
    assert usage in as_script
    assert as_module == as_script.replace(usage, f"Usage: python -m aiart_{room} ")


def test_with_the_extras_every_module_is_imported_from_the_wheel(python: Path) -> None:
    # The extras are lent by this environment, behind the clean one's own packages.
    packages = Path(run(python, "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    try:
        assert run(python, IMPORT_ALL, *modules_on_disk(*ROOMS)) == "all imported\n"
    finally:
        (packages / "lent.pth").unlink()
