"""The command `aiart-train`."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiart_edge import __version__
from aiart_edge.errors import RunFolderError, require_extra
from aiart_edge.files import PATH, make_folder, write_atomically
from aiart_edge.program import count_cores, run
from aiart_train.learning.backend import name_threads, set_threads, start_keras
from aiart_train.learning.recipes import from_dict
from aiart_train.options import (
    Wanted,
    class_options,
    part_option,
    refuse_beside_resume,
    source_option,
    training_options,
    usage_errors,
)
from aiart_train.progress import Forecast, listener, progress, say

if TYPE_CHECKING:
    from aiart_train.data.dataset import Dataset
    from aiart_train.data.split import SplitRow
    from aiart_train.learning.recipes import Recipe
    from aiart_train.learning.workers import Workers
    from aiart_train.run_folder import NewRun


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Train networks that tell AI-made art from human art."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")  # a GPU may be used through another
    require_extra("train", backend, "keras", "sklearn", "scipy", "imagehash", "matplotlib", "onnx")


@main.command()
@training_options
@click.option("--split", type=PATH, help="The split.csv of another run, to be used again.")
@click.option(
    "--workers",
    type=click.Choice(["tensorflow"]),
    help="Train together with other machines, which run the same command on the same data; "
    "TF_CONFIG names them.",
)
def fit(
    wanted: Wanted,
    split: Path | None,
    workers: str | None,
) -> None:
    """Train a recipe on folders of art; print the run folder that it leaves.

    \b
    Examples:
      aiart-train fit --data art
      aiart-train fit --data art --recipe seed --epochs 30
      aiart-train fit --resume
    """
    start_keras()
    from aiart_train.card import make_card
    from aiart_train.data.split import (
        check_split,
        draw_split,
        hold_out,
        read_groups,
        read_split,
        write_split,
    )
    from aiart_train.run_folder import FIT, SPLIT, new_run, resume_run, write_card

    if wanted.resume:
        refuse_beside_resume()
        with resume_run(wanted.runs, FIT) as again, _resumable(again, FIT):
            _train(again, None)
        return
    recipe, seed = wanted.recipe, wanted.seed
    if split is not None and (wanted.by_source or wanted.groups or wanted.tested):
        raise click.UsageError(
            "--by-source, --groups and --hold-out draw a split: leave them, or --split, out."
        )
    with _joined(workers) as together:
        dataset = _scan(wanted.folders, wanted.names, wanted.one_source)
        if split is None:
            tested = wanted.tested
            held_out = hold_out(dataset, read_split(tested, ("test",))) if tested else frozenset()
            tied = read_groups(wanted.groups, dataset) if wanted.groups else {}
            by_source = wanted.by_source or bool(tied)
            rows = draw_split(dataset, seed, by_source, held_out, tied)
        else:
            rows = read_split(split)
            check_split(dataset, rows)
            if left_out := len(dataset.pictures) - len(rows):
                click.echo(f"left out: {left_out} pictures that the split does not name", err=True)
        if together is not None and not together.is_chief:
            _work(together, recipe, dataset.folder, rows, seed)
            return
        name = f"{date.today().isoformat()}-{recipe.name}"
        with new_run(wanted.runs, name) as made, _resumable(made, FIT):
            write_split(made.partial / SPLIT, rows)
            command = shlex.join(sys.argv)
            write_card(made.partial, make_card(FIT, recipe, dataset, seed, command))
            _keep_features(made, wanted)
            _train(made, together)


def _keep_features(made: NewRun, wanted: Wanted) -> None:
    """Have what heads are fitted on kept where that is wanted, not in the run, where it will go."""
    from aiart_train.learning.features import file_of
    from aiart_train.run_folder import FEATURES

    if wanted.features:
        make_folder(wanted.features)
        kept = wanted.features.resolve() / file_of(wanted.recipe, wanted.seed)
        (made.partial / FEATURES).symlink_to(kept)


def _train(made: NewRun, together: Workers | None) -> None:
    """Train what a hidden run folder plans, from its checkpoint if it has one, and report."""
    from aiart_train.data.split import PARTS, read_split, rows_of
    from aiart_train.evaluation.calibration import apply_rule, fit_decision
    from aiart_train.evaluation.evaluate import predict, targets
    from aiart_train.evaluation.scores import SCORES, add_scores, write_scores
    from aiart_train.learning.fit import UnfitRecipe
    from aiart_train.learning.fit import fit as train
    from aiart_train.report.run import Report, headline, save_report
    from aiart_train.run_folder import (
        CARD,
        CHECKPOINT,
        FEATURES,
        MODEL,
        SPLIT,
        read_card,
        sha256_of,
        write_card,
        write_history,
    )

    card = read_card(made.partial / CARD)
    rows = read_split(made.partial / SPLIT)
    recipe, folder, seed = from_dict(card["recipe"]), Path(card["data"]["folder"]), card["seed"]
    trained, validation, test = (rows_of(rows, part) for part in PARTS)
    checkpoint, features = made.partial / CHECKPOINT, made.partial / FEATURES
    shown = listener(Forecast(recipe, len(trained), len(validation)))
    with usage_errors(UnfitRecipe):
        if together is None:
            model, history = train(recipe, folder, rows, seed, checkpoint, shown, features=features)
        else:
            shared = together.divide(rows, recipe.batch_size)
            model, history = train(
                recipe, folder, shared, seed, checkpoint, shown, together.scope, features
            )
    score = partial(predict, features=features if recipe.head_views and not recipe.epochs else None)
    validated = score(model, folder, validation, recipe.input, progress("Validating"))
    tested = score(model, folder, test, recipe.input, progress("Testing"))
    decisions = apply_rule(tested, fit_decision(validated, targets(validation)))
    counts = Counter(row.part for row in rows)
    card |= {
        "parameters": model.count_params(),
        "parts": {part: counts[part] for part in PARTS},
        "split_sha256": sha256_of(made.partial / SPLIT),
    }
    report = Report(
        title=made.folder.name,
        pictures="pictures of the test part",
        fitted_on="the validation part",
        card=card,
        history=history,
        chosen_epoch=len(history["kept"]) - history["kept"][::-1].index(1.0),
        folder=folder,
        rows=test,
        scores=tested,
        decisions=decisions,
    )
    model.save(made.partial / MODEL)
    write_card(made.partial, card)
    write_history(made.partial, history)
    write_scores(
        made.partial / SCORES, (*add_scores(validation, validated), *add_scores(test, tested))
    )
    save_report(made.partial, report)
    say(headline(report))
    click.echo(made.folder)


@main.command()
@training_options
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option(
    "--measure",
    "apart",
    multiple=True,
    metavar="PATTERN",
    help="Tell the sources that match, as in 'kaggle/*', apart in the report; may be repeated.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="Train each network with so many.  [default: one for each core]",
)
@click.option(
    "--ray",
    "address",
    metavar="ADDRESS",
    help="Train folds side by side on this Ray cluster, each on --threads of its processors; "
    "local: on one of this machine alone.",
)
def crossval(
    wanted: Wanted,
    folds: int,
    apart: tuple[str, ...],
    threads: int | None,
    address: str | None,
) -> None:
    """Train a recipe once per fold and score each picture by the network that has not seen it.

    Near-duplicates lie in one fold; with --by-source, whole sources do; with --groups, all sources
    of a group, which counts as one in nothing else. A fold has a validation part only where
    --patience looks at it. Prints the folder of the pooled scores and the report, in which each
    fold is a run folder.

    \b
    Examples:
      aiart-train crossval --data art
      aiart-train crossval --data art --by-source
      aiart-train crossval --data art --groups groups.csv
      aiart-train crossval --data art --threads 1 --ray local
    """
    if address:
        require_extra("ray", "ray")
    start_keras()
    from aiart_train.card import make_card
    from aiart_train.data.split import (
        draw_folds,
        hold_out,
        read_groups,
        read_split,
        write_split,
    )
    from aiart_train.run_folder import CROSSVAL, FIT, SPLIT, new_run, resume_run, write_card

    if wanted.resume:
        refuse_beside_resume("address")
        with resume_run(wanted.runs, CROSSVAL) as again, _resumable(again, CROSSVAL):
            _cross_validate(again, address)
        return
    recipe, seed = wanted.recipe, wanted.seed
    dataset = _scan(wanted.folders, wanted.names, wanted.one_source)
    if wanted.tested:
        held_out = hold_out(dataset, read_split(wanted.tested, ("test",)))
        left = tuple(picture for picture in dataset.pictures if picture not in held_out)
        dataset = replace(dataset, pictures=left)
    for pattern in apart:
        if not any(fnmatchcase(picture.source, pattern) for picture in dataset.pictures):
            raise click.UsageError(f"--measure {pattern!r} matches no source.")
    tied = read_groups(wanted.groups, dataset) if wanted.groups else {}
    splits = draw_folds(
        dataset,
        seed,
        wanted.by_source or bool(tied),
        folds,
        validated=recipe.patience > 0,
        tied=tied,
    )
    name = f"{date.today().isoformat()}-{recipe.name}-{CROSSVAL}"
    with new_run(wanted.runs, name) as made, _resumable(made, CROSSVAL):
        card = make_card(CROSSVAL, recipe, dataset, seed, shlex.join(sys.argv))
        card["threads"] = name_threads(threads or count_cores())
        for number, rows in enumerate(splits, start=1):
            fold = made.partial / f"fold-{number}"
            fold.mkdir()
            write_split(fold / SPLIT, rows)
            write_card(fold, card | {"kind": FIT})
        write_card(made.partial, card | {"folds": folds, "measure": list(apart)})
        _keep_features(made, wanted)
        _cross_validate(made, address)


def _cross_validate(made: NewRun, address: str | None) -> None:
    """Train and score the folds that a hidden run folder plans, but for those done, and report."""
    from aiart_train.crossval import pooled_report, read_tested
    from aiart_train.data.split import TRAINED, read_split
    from aiart_train.evaluation.scores import SCORES, write_scores
    from aiart_train.learning.fit import UnfitRecipe
    from aiart_train.report.run import headline, save_report
    from aiart_train.run_folder import CARD, SPLIT, read_card

    card = read_card(made.partial / CARD)
    threads = card.get("threads") or name_threads(count_cores())  # older cards have none
    set_threads(threads)
    folds = [made.partial / f"fold-{number}" for number in range(1, card["folds"] + 1)]
    splits = [read_split(fold / SPLIT, TRAINED) for fold in folds]
    with usage_errors(UnfitRecipe):
        if address:
            _train_side_by_side(made, card, splits, threads, address)
        else:
            _train_in_turn(made, card, splits)
    rows = [row for fold in folds for row in read_tested(fold)]
    report = pooled_report(made.folder.name, f"a network of {card['folds']}", card, rows)
    write_scores(made.partial / SCORES, rows)
    save_report(made.partial, report)
    say(headline(report))
    click.echo(made.folder)


def _train_in_turn(
    made: NewRun, card: Mapping[str, Any], splits: Sequence[Sequence[SplitRow]]
) -> None:
    from aiart_train.crossval import is_done, score_fold
    from aiart_train.data.split import rows_of
    from aiart_train.run_folder import FEATURES

    recipe, folder, seed = from_dict(card["recipe"]), Path(card["data"]["folder"]), card["seed"]
    rates = _look_ahead(made, card, splits[0])
    for number, rows in enumerate(splits, start=1):
        click.echo(f"fold {number}/{len(splits)}", err=True)
        fold = made.partial / f"fold-{number}"
        if not is_done(fold):
            trained, validated = (len(rows_of(rows, part)) for part in ("train", "validation"))
            shown = listener(Forecast(recipe, trained, validated, len(splits) - number, rates))
            score_fold(recipe, folder, rows, seed, number, fold, shown, made.partial / FEATURES)


def _train_side_by_side(
    made: NewRun,
    card: Mapping[str, Any],
    splits: Sequence[tuple[SplitRow, ...]],
    threads: Mapping[str, int],
    address: str,
) -> None:
    from aiart_train.card import find_versions
    from aiart_train.cluster import Fold, Plan, score_folds
    from aiart_train.crossval import is_done, write_fold
    from aiart_train.run_folder import FEATURES

    recipe, folder, seed = from_dict(card["recipe"]), Path(card["data"]["folder"]), card["seed"]
    _look_ahead(made, card, splits[0])
    features = (made.partial / FEATURES).read_bytes() if recipe.head_views else b""
    plan = Plan(recipe, folder, seed, threads, find_versions(), features)
    folds = [Fold(number, rows) for number, rows in enumerate(splits, start=1)]
    due = [fold for fold in folds if not is_done(made.partial / f"fold-{fold.number}")]
    for number, files in score_folds(address, plan, due):
        write_fold(made.partial / f"fold-{number}", files)
        click.echo(f"fold {number}/{len(splits)} is done", err=True)


def _look_ahead(
    made: NewRun, card: Mapping[str, Any], rows: Sequence[SplitRow]
) -> dict[bool, float]:
    """Compute what all heads are fitted on; tell the time of a pass, as `Forecast` has it."""
    from aiart_train.learning.fit import compute_features
    from aiart_train.run_folder import FEATURES

    recipe, folder = from_dict(card["recipe"]), Path(card["data"]["folder"])
    if not recipe.head_views:
        return {}
    begun, features = time.monotonic(), made.partial / FEATURES
    pictures = sorted(rows, key=lambda row: row.path)  # as no fold has them
    shown = progress("Looking at pictures")
    computed = compute_features(recipe, folder, pictures, card["seed"], features, shown)
    return {False: (time.monotonic() - begun) / computed} if computed else {}


@main.command()
@click.argument("run_folder", metavar="RUN", type=PATH)
@part_option("test", "The part of the run's split.")
@click.option(
    "--data",
    "folder",
    type=PATH,
    help="Another folder of art, or CSV file of path,label, in place of a part: all its pictures "
    "that the run neither trained on nor validated with.",
)
@class_options
@click.option(
    "--robustness", is_flag=True, help="Also score re-encoded, resized, blurred, cropped pictures."
)
def evaluate(
    run_folder: Path,
    part: str,
    folder: Path | None,
    names: dict[str, str],
    robustness: bool,
) -> None:
    """Measure RUN on a part of its split, or on art from elsewhere; print the folder of the report.

    The temperature and the unsure band are always those of the run's validation part.

    \b
    Examples:
      aiart-train evaluate runs/latest --robustness
      aiart-train evaluate runs/latest --data art-from-elsewhere
    """
    start_keras()
    from aiart_train.data.dataset import fingerprint
    from aiart_train.data.split import rows_of
    from aiart_train.evaluation.calibration import apply_rule, fit_decision
    from aiart_train.evaluation.evaluate import predict, targets, unseen
    from aiart_train.evaluation.robustness import sweep
    from aiart_train.evaluation.scores import (
        SCORES,
        add_scores,
        read_scores,
        scores_of,
        write_scores,
    )
    from aiart_train.keras_file import load_keras
    from aiart_train.report.run import Report, headline, save_report
    from aiart_train.run_folder import open_run

    run = open_run(run_folder)
    validation = [row for row in read_scores(run_folder / SCORES) if row.part == "validation"]
    if not validation:
        raise RunFolderError(
            run_folder / SCORES,
            "no picture of the validation part, on which the unsure band is fitted: train again",
        )
    rule = fit_decision(scores_of(validation), targets(validation))
    card, fitted_on = run.card, "the validation part"
    if folder is None:
        folder = Path(card["data"]["folder"])
        rows, name, pictures = rows_of(run.rows, part), part, f"pictures of the {part} part"
        out = run_folder / f"evaluate-{part}"
        if part == "validation":
            fitted_on = "these very pictures, which flatters it"
    else:
        dataset = _scan((folder,), names)
        rows = unseen(dataset, run.rows)
        if left_out := len(dataset.pictures) - len(rows):
            click.echo(f"left out: {left_out} pictures that the run has seen, or nearly", err=True)
        name, pictures = folder.resolve().name, f"pictures of {folder.resolve().name}"
        out = run_folder / f"evaluate-data-{name}"  # whose own name may be `test`
        folder = dataset.folder
        # The report tells of the data that were scored; the split's parts are not among them.
        data = {
            "folder": str(folder.resolve()),
            "sha256": fingerprint(dataset.pictures),
            "broken": list(dataset.broken),
        }
        card = {key: value for key, value in card.items() if key != "parts"} | {"data": data}

    model, input_rule = load_keras(run.model_path)
    scores = predict(model, folder, rows, input_rule, progress("Scoring"))
    decisions = apply_rule(scores, rule)
    changed = (
        sweep(model.predict_on_batch, folder, rows, input_rule, rule, progress("Changing pictures"))
        if robustness
        else ()
    )
    report = Report(
        title=f"{run_folder.resolve().name} on {name}",
        pictures=pictures,
        fitted_on=fitted_on,
        card=card,
        history=None,
        chosen_epoch=None,
        folder=folder,
        rows=rows,
        scores=scores,
        decisions=decisions,
        robustness=changed,
    )
    make_folder(out)
    save_report(out, report)
    write_scores(out / SCORES, add_scores(rows, scores))
    say(headline(report))
    click.echo(out)


@main.command()
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
def compare(a: Path, b: Path) -> None:
    """Say whether run B is better than run A, on the pictures that both were tested on.

    A and B are run folders, or folders of `crossval` or `evaluate`.

    \b
    Example:
      aiart-train compare runs/2026-11-22-seed runs/latest
    """
    start_keras()
    from aiart_train.evaluation.comparison import compare as compare_scores
    from aiart_train.evaluation.comparison import describe
    from aiart_train.evaluation.scores import SCORES, read_scores, scores_of

    tested_a, tested_b = (
        [row for row in read_scores(folder / SCORES) if row.part == "test"] for folder in (a, b)
    )
    comparison = compare_scores(tested_a, scores_of(tested_a), tested_b, scores_of(tested_b))
    click.echo(describe(comparison, click.format_filename(a), click.format_filename(b)))


@main.command()
@click.argument("folders", metavar="DATA...", nargs=-1, required=True, type=PATH)
@class_options
@source_option
@click.option(
    "--out",
    type=PATH,
    default=Path(),
    help="The folder in which audit.md and audit.json are written.  [default: the current folder]",
)
def audit(
    folders: tuple[Path, ...],
    names: dict[str, str],
    one_source: tuple[str, ...],
    out: Path,
) -> None:
    """Print what to know of folders of art, or CSV files of path,label, before training on them.

    Counts, sizes, formats, duplicates, and how well a classifier tells the classes apart that sees
    only the files' metadata and geometry; warnings where that spoils a training.

    \b
    Example:
      aiart-train audit art
    """
    from aiart_train.data.audit import audit as examine
    from aiart_train.report.audit import describe, warn

    if any(out.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise click.BadParameter(
            "the audit would lie inside the data folder: name another", param_hint="'--out'"
        )
    dataset = _scan(folders, names, one_source)
    if sys.stderr.isatty():
        click.echo("Measuring what the files alone give away", err=True)
    found = examine(dataset)
    warnings = warn(found)
    text = describe(found).encode(errors="surrogateescape")  # a file name may hold any bytes
    click.echo(text, nl=False)
    for line in warnings:
        click.echo(f"warning: {line}", err=True)
    make_folder(out)
    document = json.dumps({"warnings": warnings, **asdict(found)}, indent=1) + "\n"
    write_atomically(out / "audit.json", document.encode())
    write_atomically(out / "audit.md", text)
    click.echo(f"saved: {out / 'audit.md'}, {out / 'audit.json'}", err=True)


@main.command()
@click.argument("folder", metavar="DIR", type=PATH)
def fetch(folder: Path) -> None:
    """Fetch the Kaggle data set that this project names into DIR, a new folder; print DIR.

    \b
    Example:
      aiart-train fetch kaggle
    """
    require_extra("train", "kagglehub")
    with contextlib.redirect_stdout(sys.stderr):  # kagglehub talks on standard output
        from aiart_train.data.fetch import fetch as download

        counts = download(folder)
    for name, count in counts.items():
        click.echo(f"{name}: {count:,} files", err=True)
    click.echo(f"next:  aiart-train audit {shlex.quote(click.format_filename(folder))}", err=True)
    click.echo(click.format_filename(folder))


@main.command()
@click.argument("network", type=click.Choice(["clip"]))
def fetch_weights(network: str) -> None:  # noqa: ARG001  there is one as yet
    """Fetch the weights of NETWORK that no package of an extra brings; print their file.

    They are kept where Keras keeps those that it fetches: ~/.keras/models, or below KERAS_HOME.

    \b
    Example:
      aiart-train fetch-weights clip
    """
    require_extra("train", "onnx")
    start_keras()
    from aiart_train.learning.architectures.clip_weights import fetch_clip

    path = fetch_clip()
    click.echo("licence of the network: MIT, Copyright (c) 2021 OpenAI", err=True)
    click.echo(click.format_filename(path))


def _scan(
    places: Sequence[Path], names: Mapping[str, str], one_source: Sequence[str] = ()
) -> Dataset:
    from aiart_train.data.dataset import scan

    shown = progress("Reading pictures")
    dataset = scan(*places, names=names, one_source=one_source, progress=shown)
    for line in dataset.broken:
        click.echo(f"skipped: {line}", err=True)
    return dataset


@contextlib.contextmanager
def _resumable(made: NewRun, kind: str) -> Iterator[None]:
    """Say how to go on with a run that is broken off."""
    try:
        yield
    except BaseException:
        if made.can_be_resumed:
            start = "\n" if sys.stderr.isatty() else ""  # away from the line of the steps
            runs = shlex.quote(click.format_filename(made.folder.parent))
            click.echo(
                f"{start}unfinished: go on with  aiart-train {kind} --resume --runs {runs}",
                err=True,
            )
        raise


@contextlib.contextmanager
def _joined(workers: str | None) -> Iterator[Workers | None]:
    if workers is None:
        yield None
        return
    from aiart_train.learning.workers import join_workers, read_cluster

    with join_workers(read_cluster()) as together:
        yield together


def _work(
    together: Workers, recipe: Recipe, folder: Path, rows: Sequence[SplitRow], seed: int
) -> None:
    """Train as one of several, and leave the results to the chief."""
    from aiart_train.learning.fit import UnfitRecipe
    from aiart_train.learning.fit import fit as train

    with usage_errors(UnfitRecipe):
        train(recipe, folder, together.divide(rows, recipe.batch_size), seed, scope=together.scope)


def program() -> None:
    """Be the program that the console script starts."""
    run(main)
