"""Training: whole, broken off and resumed, and refused."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagehash
import keras
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result

from aiart_edge import AiartError, PictureError, RunFolderError
from aiart_train.data.dataset import scan
from aiart_train.data.split import SplitRow, draw_split
from aiart_train.learning.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from aiart_train.learning.fit import UnfitRecipe, build, fit
from aiart_train.learning.kernels import round_kernels
from aiart_train.learning.recipes import HEAD, RECIPES, Recipe

Command = Callable[..., Result]
Process = subprocess.CompletedProcess[str]

# A head's fit and epochs with all that has a state or draws: dropout and the pictures' order do.
RECIPE = {
    "--recipe": "seed",
    "--size": "64",
    "--batch-size": "16",
    "--dropout": "0.4",
    "--head-views": "2",
    "--head-penalty": "0.2",
    "--epochs": "3",
    "--learning-rate": "0.002",
    "--schedule": "cosine",
    "--weight-decay": "0.01",
    "--label-smoothing": "0.1",
    "--balance": "class",
    "--averaging": "0.9",
    "--patience": "3",
    "--zoom": "0.2",
    "--jpeg": "0.5",
}
OPTIONS = ["--seed", "1", *(part for pair in RECIPE.items() for part in pair), "--flip"]

SMALL = replace(RECIPES["seed"], size=64, epochs=1)

GET = "aiart_train.learning.batches.PictureBatches.__getitem__"


class OnTerminal:
    """A training of which standard error is a terminal."""

    def __init__(self, art: Path, runs: Path) -> None:
        code = "from aiart_train.cli import program; program()"
        command = [sys.executable, "-c", code, "fit", "--data", str(art), "--runs", str(runs)]
        terminal, end = pty.openpty()
        wide = os.environ | {"COLUMNS": "999"}
        with subprocess.Popen(
            [*command, *OPTIONS], stdout=subprocess.PIPE, stderr=end, env=wide
        ) as process:
            os.close(end)
            seen = b""
            try:
                while more := os.read(terminal, 1 << 16):
                    seen += more
            except OSError:  # so Linux says that the process has left the terminal
                os.close(terminal)
            assert process.stdout is not None
            self.stdout, self.seen = process.stdout.read().decode(), seen.decode()
        assert process.returncode == 0, self.seen
        self.folder = Path(self.stdout.strip())


@pytest.fixture(scope="module")
def unbroken(art: Path, tmp_path_factory: pytest.TempPathFactory) -> OnTerminal:
    return OnTerminal(art, tmp_path_factory.mktemp("unbroken") / "runs")


@pytest.fixture(scope="module")
def ends(
    art: Path,
    broken_off: Callable[..., Process],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Process | Result]:
    """The same training, broken off four times and resumed each time, as each process ended."""
    from aiart_train.cli import main

    runs = tmp_path_factory.mktemp("broken off") / "runs"
    begin = ["fit", "--data", art, "--runs", runs, *OPTIONS]
    resume = ["fit", "--resume", "--runs", runs]
    return [
        # An epoch has 4 steps and 1 of validation; Keras looks at 2 and at 1 more as it begins.
        broken_off("SIGKILL", GET, 5, *begin),  # while the head is fitted
        broken_off("SIGINT", "keras.Model.compile", 2, *resume),  # before the first epoch
        broken_off("SIGKILL", "os.fsync", 2, *resume),  # while the second checkpoint is written
        broken_off("SIGKILL", GET, 16, *resume),  # in the last epoch
        CliRunner().invoke(main, list(map(str, resume)), catch_exceptions=False),
    ]


@pytest.fixture(scope="module")
def resumed(ends: list[Process | Result]) -> Path:
    """The run folder of a training that was broken off four times."""
    assert [getattr(end, "returncode", None) for end in ends] == [-9, 1, -9, -9, None]
    assert ends[-1].stdout, ends[-1].stderr
    return Path(ends[-1].stdout.strip())


@pytest.fixture(scope="module")
def rows(art: Path) -> tuple[SplitRow, ...]:
    return draw_split(scan(art), seed=0)


def weights(folder: Path) -> list[np.ndarray]:
    return keras.models.load_model(folder / "model.keras").get_weights()


def test_a_training_that_was_broken_off_ends_with_the_weights_of_an_unbroken_one(
    unbroken: OnTerminal, resumed: Path
) -> None:
    for whole, broken in zip(weights(unbroken.folder), weights(resumed), strict=True):
        assert np.array_equal(whole, broken)


@pytest.mark.parametrize("name", ["split.csv", "history.csv", "scores.csv", "metrics.json"])
def test_the_same_data_and_seed_give_the_same_again(
    name: str, unbroken: OnTerminal, resumed: Path
) -> None:
    assert (unbroken.folder / name).read_bytes() == (resumed / name).read_bytes()


def test_another_seed_gives_another_split(unbroken: OnTerminal, run_folder: Path) -> None:
    one, other = ((path / "split.csv").read_bytes() for path in (unbroken.folder, run_folder))
    assert one != other


def test_a_resumed_training_leaves_one_finished_run(resumed: Path) -> None:
    assert sorted(path.name for path in resumed.parent.iterdir()) == sorted(
        [resumed.name, "latest"]
    )
    assert not list(resumed.glob("*checkpoint*"))


def test_ctrl_c_says_how_to_go_on(ends: list[Process | Result], resumed: Path) -> None:
    lines = ends[1].stderr.splitlines()
    hint = f"unfinished: go on with  aiart-train fit --resume --runs '{resumed.parent}'"
    assert lines[-3:] == [hint, "", "Aborted!"]


def test_the_history_says_after_which_epoch_the_weights_were_kept(resumed: Path) -> None:
    lines = list(csv.DictReader((resumed / "history.csv").read_text().splitlines()))
    assert len(lines) == 1 + int(RECIPE["--epochs"])  # the head's fit counts as one
    best = min(lines, key=lambda line: float(line["val_loss"]))
    assert [line["kept"] for line in lines] == ["1.0" if line is best else "0.0" for line in lines]


def test_every_value_of_a_recipe_can_be_set(unbroken: OnTerminal) -> None:
    recipe = json.loads((unbroken.folder / "card.json").read_text())["recipe"]
    recipe |= recipe.pop("augmentation")
    assert recipe.pop("name") == RECIPE["--recipe"]
    for option, value in list(RECIPE.items())[1:]:
        assert str(recipe[option.removeprefix("--").replace("-", "_")]) == value, option
    assert recipe["flip"] is True


def test_a_terminal_shows_how_far_it_is(unbroken: OnTerminal) -> None:
    for shown in ("Reading pictures", "step 4/4, ", "epoch 4/4  ", "Testing", "100%"):
        assert shown in unbroken.seen


def test_standard_error_holds_our_own_lines_alone(unbroken: OnTerminal) -> None:
    plain = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", unbroken.seen)
    ours = re.compile(r"(Reading pictures|Validating|Testing|about |step |epoch |Of 16 pictures )")
    assert [line for line in re.split(r"[\r\n]+", plain) if line and not ours.match(line)] == []


def test_standard_output_holds_the_run_folder_alone(unbroken: OnTerminal) -> None:
    assert unbroken.folder.is_dir()
    assert unbroken.stdout == f"{unbroken.folder}\n"


def test_breaking_off_while_pictures_are_read_leaves_nothing(
    art: Path, aiart_train: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(_image: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(imagehash, "phash", interrupt)
    result = aiart_train("fit", "--data", art, "--runs", tmp_path / "runs")
    assert (result.exit_code, result.stderr) == (1, "\nAborted!\n")
    assert not (tmp_path / "runs").exists()


def test_a_split_is_used_again(
    art: Path, run_folder: Path, aiart_train: Command, tmp_path: Path
) -> None:
    split = run_folder / "split.csv"
    options = ["--runs", tmp_path, "--seed", 5, "--recipe", "seed", "--size", 64, "--epochs", 1]
    result = aiart_train("fit", "--data", art, "--split", split, *options)
    assert result.exit_code == 0, result.output
    assert (Path(result.stdout.strip()) / "split.csv").read_bytes() == split.read_bytes()


def test_a_split_of_other_data_is_one_line_and_leaves_no_run(
    art: Path,
    run_folder: Path,
    aiart_train: Command,
    one_line: Callable[[Result], str],
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(art, tmp_path / "art"))
    shutil.copy(art / "AiArt" / "01.png", folder / "AiArt" / "04.png")
    command = ["fit", "--data", folder, "--runs", tmp_path / "runs"]
    line = one_line(aiart_train(*command, "--split", run_folder / "split.csv"))
    assert "04.png: this picture of the split is another one now" in line
    assert not (tmp_path / "runs").exists()


def built(recipe: Recipe) -> keras.Model:
    """Build what a training with seed 0 begins with."""
    keras.utils.set_random_seed(0)
    return build(recipe)


def assert_only_the_head_changed(before: keras.Model, after: keras.Model) -> None:
    same = [
        np.array_equal(one, other)
        for one, other in zip(before.get_weights(), after.get_weights(), strict=True)
    ]
    assert same == [True] * (len(same) - 2) + [False] * 2


def test_a_fitted_head_has_the_kernels_before_it_rounded_and_nothing_else_changed(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    head = replace(SMALL, head_views=1, epochs=0)
    model, history = fit(head, art, rows, seed=0)
    rounded = built(head)
    round_kernels(rounded)
    assert_only_the_head_changed(rounded, model)
    assert history["kept"] == [1.0]


def test_epochs_behind_a_fitted_head_end_with_rounded_kernels(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    model, _ = fit(replace(SMALL, head_views=1), art, rows, seed=0)
    found = model.get_weights()
    round_kernels(model)
    for one, other in zip(found, model.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_layers_before_the_one_that_learns_first_stay_as_they_are(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    recipe = replace(SMALL, train_from=HEAD)
    model, _ = fit(recipe, art, rows, seed=0)
    assert_only_the_head_changed(built(recipe), model)


@pytest.mark.parametrize(
    "recipe",
    [
        replace(SMALL, head_views=1, train_from="blick"),
        replace(SMALL, size=20),
    ],
    ids=["train_from", "size"],
)
def test_a_recipe_that_does_not_fit_is_refused_before_it_is_trained(
    recipe: Recipe, art: Path, rows: tuple[SplitRow, ...], tmp_path: Path
) -> None:
    with pytest.raises(UnfitRecipe, match=r"^Expected .*\. Received .*\.$"):
        fit(recipe, art, rows, seed=0, checkpoint=tmp_path / "checkpoint.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_training_beyond_the_memory_is_one_line(
    art: Path, rows: tuple[SplitRow, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_arguments: object, **_options: object) -> None:  # as a GPU that is too small does
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr(keras.Model, "fit", exhaust)
    with pytest.raises(AiartError, match="take a smaller --size or --batch-size"):
        fit(SMALL, art, rows, seed=0)


def test_a_picture_that_vanishes_while_it_is_trained_is_named(
    art: Path, rows: tuple[SplitRow, ...]
) -> None:
    train = [position for position, row in enumerate(rows) if row.part == "train"]
    order = np.random.default_rng([0, 0]).permutation(len(train))
    last = train[order[-1]]
    gone = [replace(row, path="gone.jpg") if row is rows[last] else row for row in rows]
    with pytest.raises(PictureError, match=r"gone\.jpg"):
        fit(replace(SMALL, batch_size=8), art, gone, seed=0)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", None])
def test_a_broken_checkpoint_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    if content is None:  # cut off
        write_checkpoint(path, Checkpoint(variables=[np.zeros(1000)]))
        content = path.read_bytes()[:-100]
    path.write_bytes(content)
    with pytest.raises(RunFolderError, match="the checkpoint is broken: train from the start"):
        read_checkpoint(path)


@pytest.mark.parametrize("kind", ["variables", "kept"])
def test_a_checkpoint_of_another_network_is_refused(
    kind: str, art: Path, rows: tuple[SplitRow, ...], tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, Checkpoint(**{kind: [np.zeros(1)]}))
    with pytest.raises(RunFolderError, match="the checkpoint is of another network"):
        fit(SMALL, art, rows, seed=0, checkpoint=path)


def test_a_full_disk_is_one_line_and_leaves_no_half_a_checkpoint(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
import numpy as np
from aiart_edge import OutputError
from aiart_train.learning.checkpoint import Checkpoint, write_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as if no more fitted on the disk
state = Checkpoint(variables=[np.zeros(999)])
try:
    write_checkpoint(Path({str(tmp_path)!r}) / "checkpoint.npz", state)
except OutputError as error:
    print(error.format_message())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r".*checkpoint\.npz: cannot be written \(.*\)\n", done.stdout)
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
