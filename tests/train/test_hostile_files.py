"""Whatever a file that a command reads may hold: an answer, or one line.

Each test tries a few mutants; `AIART_MUTANTS=1000 pytest tests/train/test_hostile_files.py` tries
so many of each file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aiart_edge import AiartError
from aiart_train.data.dataset import scan
from aiart_train.data.split import read_groups
from aiart_train.learning.checkpoint import Checkpoint, write_checkpoint

MUTANTS = int(os.environ.get("AIART_MUTANTS", "2"))

ODD = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 10**30, -(10**30), float("nan"), float("inf"), "",
    "\0", "\ud800", "ai", "human", "../" * 40, "x" * 100_000, [], [[]], {}, {"": None},
)  # fmt: skip
DEEP = "\0deep"  # stands for what is nested 100,000 deep
CELLS = (
    "", "-1", "0", "1e999", "nan", "9" * 5000, "ai", "human", "train", "test", "validation", "\0",
    "../../etc/passwd", "/dev/zero", "0" * 64, "0" * 16, '"', "x" * 200_000, "\ud800",
)  # fmt: skip


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Put something odd in the place of one or two values of a document, or take them away."""
    document = json.loads(content)
    for _ in range(rng.randint(1, 2)):
        places = list(places_in(document))
        if not places:
            break
        owner, key = rng.choice(places)
        if rng.random() < 0.2:
            del owner[key]
        else:
            owner[key] = rng.choice((*ODD, DEEP))
    deep = "[" * 100_000 + "]" * 100_000
    return json.dumps(document).replace(json.dumps(DEEP), deep).encode()


def places_in(document: Any) -> Any:
    """Every place of a value in a document."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from places_in(document[key])


def mutate_csv(content: bytes, rng: random.Random) -> bytes:
    """Put something odd into a cell or two, or spoil the lines themselves."""
    lines = list(csv.reader(io.StringIO(content.decode(errors="surrogateescape"))))
    for _ in range(rng.randint(1, 2)):
        line = rng.choice(lines)
        column = rng.randrange(len(line))
        match rng.randrange(6):
            case 0:
                del line[column]
            case 1:
                line.append(rng.choice(CELLS))
            case 2:
                lines.append(rng.choice(lines))
            case _:
                line[column] = rng.choice(CELLS)
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode(errors="surrogatepass")


def mutate_bytes(content: bytes, rng: random.Random) -> bytes:
    """Cut a file short, or alter, repeat or take away some bytes of it."""
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.choice((1, 2, 50)))
    hit = content[start:end]
    middle = rng.choice((b"", hit * 2, bytes(len(hit)), rng.randbytes(len(hit))))
    return content[:start] + middle + (b"" if rng.random() < 0.2 else content[end:])


def mutate_keras(content: bytes, rng: random.Random) -> bytes:
    """Mutate the config of a .keras file, in an archive that is whole."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = "model.weights.h5" if rng.random() < 0.2 else "config.json"
    change = mutate_bytes if name.endswith(".h5") else mutate_json
    members[name] = change(members[name], rng)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for each, its_content in members.items():
            archive.writestr(each, its_content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def run(art: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is quick to read: 32 pixels, one epoch."""
    from aiart_train.cli import main

    runs = tmp_path_factory.mktemp("hostile") / "runs"
    recipe = ("--recipe", "seed", "--size", "62", "--epochs", "1")
    result = CliRunner().invoke(main, ["fit", "--data", str(art), "--runs", str(runs), *recipe])
    assert result.exit_code == 0, result.output
    return Path(result.stdout.strip())


@pytest.fixture
def is_survived() -> Callable[[Result, int], None]:
    """Check that a command has ended as a command may: with an answer, or with one line."""

    def check(result: Result, seed: int) -> None:
        if result.exception is not None:
            assert isinstance(result.exception, SystemExit), (seed, repr(result.exception))
        if result.exit_code == 1:
            *_, last = result.stderr.splitlines()
            assert last.startswith("Error: "), (seed, result.stderr)
        assert "Traceback" not in result.stderr, seed

    return check


@pytest.mark.parametrize("seed", range(MUTANTS))
@pytest.mark.parametrize(
    ("name", "mutate"),
    [
        ("card.json", mutate_json),
        ("card.json", mutate_bytes),
        ("split.csv", mutate_csv),
        ("scores.csv", mutate_csv),
        ("scores.csv", mutate_bytes),
        ("model.keras", mutate_keras),
    ],
)
def test_a_run_with_a_hostile_file_is_evaluated_or_refused(
    name: str,
    mutate: Callable[[bytes, random.Random], bytes],
    seed: int,
    run: Path,
    aiart_train: Callable[..., Result],
    is_survived: Callable[[Result, int], None],
    tmp_path: Path,
) -> None:
    spoilt = Path(shutil.copytree(run, tmp_path / "run"))
    content = mutate((run / name).read_bytes(), random.Random(f"{name}{seed}"))
    (spoilt / name).write_bytes(content)
    is_survived(aiart_train("evaluate", spoilt), seed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("card.json", ("[" * 100_000 + "]" * 100_000).encode()),
        ("card.json", b'{"recipe": {}, "seed": 0, "data": {}}'),
        ("split.csv", b"path,label,source,group,part,sha256,phash\n/dev/zero,ai,ai,0,train,0,0\n"),
    ],
)
def test_what_no_run_holds_is_one_line(
    name: str,
    content: bytes,
    run: Path,
    aiart_train: Callable[..., Result],
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    spoilt = Path(shutil.copytree(run, tmp_path / "run"))
    (spoilt / name).write_bytes(content)
    assert f"{name}: " in one_line(aiart_train("evaluate", spoilt))


def mutate_facts(content: bytes, rng: random.Random) -> bytes:
    """Mutate the facts of a checkpoint, in an archive that is whole."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    facts = mutate_json(str(arrays["facts"]).encode(), rng).decode()
    packed = io.BytesIO()
    np.savez(packed, **{**arrays, "facts": np.array(facts)})
    return packed.getvalue()


@pytest.mark.parametrize("seed", range(MUTANTS))
@pytest.mark.parametrize(
    ("name", "mutate"),
    [
        ("card.json", mutate_json),
        ("checkpoint.npz", mutate_bytes),
        ("checkpoint.npz", mutate_facts),
        ("split.csv", mutate_csv),
    ],
)
def test_a_broken_run_with_a_hostile_file_is_resumed_or_refused(
    name: str,
    mutate: Callable[[bytes, random.Random], bytes],
    seed: int,
    run: Path,
    aiart_train: Callable[..., Result],
    is_survived: Callable[[Result, int], None],
    tmp_path: Path,
) -> None:
    partial = tmp_path / ".broken.partial"
    partial.mkdir()
    for each in ("card.json", "split.csv"):
        shutil.copy(run / each, partial)
    begun = Checkpoint(history={"loss": [0.5], "kept": [1.0]})
    write_checkpoint(partial / "checkpoint.npz", begun)
    content = mutate((partial / name).read_bytes(), random.Random(f"{name}{seed}"))
    (partial / name).write_bytes(content)
    is_survived(aiart_train("fit", "--resume", "--runs", tmp_path), seed)


@pytest.mark.parametrize("seed", range(MUTANTS))
@pytest.mark.parametrize(
    ("name", "mutate"), [("card.json", mutate_json), ("model.keras", mutate_keras)]
)
def test_a_run_with_a_hostile_file_is_converted_or_refused(
    name: str,
    mutate: Callable[[bytes, random.Random], bytes],
    seed: int,
    run: Path,
    aiart_convert: Callable[..., Result],
    is_survived: Callable[[Result, int], None],
    tmp_path: Path,
) -> None:
    spoilt = Path(shutil.copytree(run, tmp_path / "run"))
    content = mutate((run / name).read_bytes(), random.Random(f"convert{name}{seed}"))
    (spoilt / name).write_bytes(content)
    is_survived(aiart_convert(spoilt, "--quantize", "float32"), seed)


@pytest.mark.parametrize("seed", range(5 * MUTANTS))
def test_hostile_groups_and_lists_are_read_or_refused(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for number in range(3):
        for label in ("ai", "human"):
            draw = Image.new("RGB", (64, 64), (40 * number, 80, 7))
            draw.save(tmp_path / f"{label}{number}.png")
    names = [f"{label}{number}" for number in range(3) for label in ("ai", "human")]
    plain = "".join(f"{name}.png,{name[:-1]},{name}\n" for name in names)
    sources = "".join(f"{name},one\n" for name in names)
    listed, groups = tmp_path / "list.csv", tmp_path / "groups.csv"
    with contextlib.suppress(AiartError):
        listed.write_text(f"path,label,source\n{plain}")
        dataset = scan(listed)
        groups.write_bytes(mutate_csv(f"source,group\n{sources}".encode(), rng))
        read_groups(groups, dataset)
    with contextlib.suppress(AiartError):
        listed.write_bytes(mutate_csv(listed.read_bytes(), rng))
        scan(listed)


TF_CONFIGS = (
    "", "null", "[]", "{}", "1", '"worker"', DEEP, '{"cluster": []}', '{"cluster": {"worker": 1}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 7}}',
    '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": -1}}',
    '{"cluster": {"worker": ["a", "b"]}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"worker": [1, 2]}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"worker": ["a:1", "b:99999999"]}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"worker": ["a:1", "b:x"]}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"worker": ["\\u0000:1", "b:2"]}, "task": {"type": "worker", "index": 1}}',
)  # fmt: skip


@pytest.mark.parametrize("text", TF_CONFIGS)
def test_a_hostile_tf_config_is_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiart_train.learning.workers import read_cluster

    monkeypatch.setenv("TF_CONFIG", text.replace(DEEP, "[" * 100_000 + "]" * 100_000))
    with pytest.raises(AiartError, match="TF_CONFIG"):
        read_cluster()
