"""The audit of a data set before training."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aiart_train.data.audit import audit
from aiart_train.data.dataset import Dataset, Picture, scan
from aiart_train.report.audit import describe, warn

Command = Callable[..., Result]
GOLDEN = 0x9E3779B97F4A7C15


def make_picture(number: int, label: str, **facts: object) -> Picture:
    """A picture that looks like no other, of a usual size."""
    picture = Picture(
        path=f"{label}/{number:04}.jpg",
        label=label,
        source=label,
        sha256=f"{number:064}",
        phash=number * GOLDEN % (1 << 64),
        format="JPEG",
        width=400,
        height=300,
        file_size=30_000,
        jpeg_quality=90,
    )
    return replace(picture, **facts)  # type: ignore[arg-type]


def make_dataset(pictures: Sequence[Picture], broken: tuple[str, ...] = ()) -> Dataset:
    return Dataset(Path("art"), tuple(pictures), broken)


def make_plain(count: int = 120) -> list[Picture]:
    """Pictures of both classes in turn, of sizes that say nothing about the class."""
    sizes = np.random.default_rng(0).integers(200, 900, (count, 3)).tolist()
    return [
        make_picture(
            number, ("ai", "human")[number % 2], width=width, height=height, file_size=100 * size
        )
        for number, (width, height, size) in enumerate(sizes)
    ]


def test_the_facts_of_each_class_are_counted() -> None:
    human = [make_picture(number, "human", width=100 * number) for number in range(1, 10)]
    ai = [
        make_picture(10, "ai", format="PNG", source="ai/one"),
        make_picture(11, "ai", source="ai/two"),
        make_picture(12, "ai", source="ai/two"),
    ]
    found = audit(make_dataset(ai + human))
    assert found.classes["ai"].pictures == 3
    assert found.classes["ai"].formats == {"JPEG": 2, "PNG": 1}
    assert found.classes["ai"].sources == {"ai/two": 2, "ai/one": 1}
    assert found.classes["human"].quantiles["width, px"] == (100, 100, 300, 500, 700, 900, 900)
    text = describe(found)
    assert "| pictures | 3 | 9 |" in text
    assert "| PNG | 1 | 0 |" in text
    assert "| width, px | human | 100 | 100 | 300 | 500 | 700 | 900 | 900 |" in text


def test_files_that_say_of_themselves_how_they_were_made_are_counted_and_warned_of() -> None:
    human = [make_picture(number, "human") for number in range(1, 9)]
    human += [make_picture(9, "human", says="ai"), make_picture(10, "human", says="camera")]
    ai = [make_picture(number, "ai", says="ai") for number in range(11, 14)]
    found = audit(make_dataset([*ai, make_picture(14, "ai"), *human]))
    assert found.classes["ai"].says == {"ai": 3, "nothing": 1}
    assert found.contradictions == ("human/0009.jpg",)
    text = describe(found)
    assert "| the file says: ai | 3 | 1 |" in text
    assert "1 file of the class human that say of themselves" in text
    assert "75.0% of ai, 20.0% of human" in text


def test_duplicates_are_told_apart_and_those_that_mislead_are_warned_of() -> None:
    pictures = make_plain()
    same = replace(pictures[0], path="ai/same.jpg")
    alike = replace(pictures[1], path="human/alike.jpg", sha256="a", phash=pictures[1].phash ^ 1)
    across = replace(
        pictures[2], path="human/x.jpg", label="human", sha256="b", phash=pictures[2].phash
    )
    found = audit(make_dataset([*pictures, same, alike, across]))
    kinds = {(pair.second, pair.bits, pair.same_file, pair.across) for pair in found.pairs}
    assert kinds == {
        ("ai/same.jpg", 0, True, False),
        ("human/alike.jpg", 1, False, False),
        ("human/x.jpg", 0, False, True),
    }
    byte_by_byte, different_classes = warn(found)
    assert byte_by_byte.startswith("1 pair of files that are the same")
    assert "ai/0000.jpg and ai/same.jpg" in byte_by_byte
    assert "ai/0002.jpg and human/x.jpg" in different_classes
    assert "- human/0001.jpg and human/alike.jpg, 1 bit\n" in describe(found)


def test_files_that_say_nothing_of_the_class_are_not_warned_of() -> None:
    found = audit(make_dataset(make_plain()))
    assert found.random_floor is not None
    assert found.random_floor.interval[0] < 0.5 < found.random_floor.interval[1]
    assert found.give_aways == ()
    assert warn(found) == ()
    assert "## Warnings\n\nNone.\n" in describe(found)


@pytest.mark.parametrize(
    ("facts", "feature", "where"),
    [
        ({"width": 150}, "short side", "150"),
        ({"format": "PNG"}, "format", "PNG"),
        ({"jpeg_quality": 75}, "JPEG quality (0: no JPEG)", "75"),
    ],
)
def test_a_give_away_is_found_and_told_in_plain_numbers(
    facts: dict[str, object], feature: str, where: str
) -> None:
    pictures = [
        replace(picture, **facts) if picture.label == "human" and number % 4 == 1 else picture
        for number, picture in enumerate(make_plain(240))
    ]  # every second human picture is odd
    found = audit(make_dataset(pictures))
    assert found.random_floor is not None
    assert found.random_floor.interval[0] > 0.55
    (odd,) = (one for one in found.give_aways if one.feature == feature)
    assert (odd.where, odd.counts) == (where, {"ai": 0, "human": 60})
    assert odd.floor.balanced_accuracy == pytest.approx(0.75, abs=0.02)
    floor, features = warn(found)
    assert floor.startswith("the files give the class away")
    assert f"{feature} {where} (0 of 120 ai, 60 of 120 human)" in features


def test_a_floor_that_only_knows_the_sources_falls_when_they_are_left_out() -> None:
    pictures = [
        replace(picture, source=f"{picture.label}/{number % 12}", width=300 + 40 * (number % 12))
        for number, picture in enumerate(make_plain(480))
    ]
    found = audit(make_dataset(pictures))
    assert found.random_floor is not None
    assert found.source_floor is not None
    assert found.random_floor.interval[0] > 0.7
    assert found.source_floor.interval[0] < 0.5
    assert warn(found)[-1].startswith("a random split flatters")


def test_a_give_away_that_outlives_the_sources_is_warned_of_as_such() -> None:
    pictures = [
        replace(
            picture,
            source=f"{picture.label}/{number % 12}",
            height=picture.height + 800 * (number % 2),
        )
        for number, picture in enumerate(make_plain(240))
    ]
    found = audit(make_dataset(pictures))
    assert found.source_floor is not None
    assert found.source_floor.auc > 0.99
    assert any(line.startswith("even with whole sources left out") for line in warn(found))


def test_near_duplicates_do_not_raise_the_floor() -> None:
    pictures = [  # eight of each look alike, and have a width that no other has
        make_picture(
            number,
            ("ai", "human")[number // 8 % 2],
            phash=(number // 8 + 1) * GOLDEN % (1 << 64),
            width=300 + number // 8,
        )
        for number in range(400)
    ]
    floor = audit(make_dataset(pictures)).random_floor
    assert floor is not None
    assert floor.balanced_accuracy < 0.6


def test_a_floor_that_cannot_be_told_is_said_to_be() -> None:
    found = audit(make_dataset(make_plain(8)))
    assert (found.random_floor, found.source_floor) == (None, None)
    text = describe(found)
    assert "| random, near-duplicates together | - | - | - | - |" in text
    assert "at least 5 pictures that do not look alike" in text
    assert "each class needs at least two" in text


def test_a_long_list_is_cut_in_the_text_alone() -> None:
    pictures = make_plain(100)
    twins = [
        replace(picture, path=f"{picture.path}-2", sha256=f"twin {picture.sha256}")
        for picture in pictures
    ]
    found = audit(make_dataset(pictures + twins))
    assert len(found.pairs) == 100
    text = describe(found)
    assert text.count("-2, 0 bits") == 30
    assert "- and 70 more, listed in audit.json" in text


def test_broken_files_are_listed_and_warned_of() -> None:
    found = audit(make_dataset(make_plain(), broken=("ai/letter.jpg: not a picture",)))
    assert "- ai/letter.jpg: not a picture\n" in describe(found)
    assert warn(found)[0].startswith("1 file cannot be read")


def test_the_same_data_give_the_same_audit() -> None:
    dataset = make_dataset(make_plain())
    assert audit(dataset) == audit(dataset)


def test_the_command_prints_and_saves_the_audit_and_warns(
    art: Path, aiart_train: Command, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(art, tmp_path / "art"))
    odd = os.fsdecode(b"AiArt/caf\xe9\n.jpg")
    shutil.copy(folder / "AiArt" / "00.jpg", folder / odd)
    result = aiart_train("audit", folder, "--out", tmp_path / "new" / "folder")
    assert result.exit_code == 0, result.output
    saved = tmp_path / "new" / "folder"
    assert (saved / "audit.md").read_bytes() == result.stdout_bytes
    assert "AiArt/00.jpg and AiArt/caf" in result.stdout
    document = json.loads((saved / "audit.json").read_text())
    warnings = document.pop("warnings")
    assert document == json.loads(json.dumps(asdict(audit(scan(folder)))))
    lines = result.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["warning"] * len(warnings) + ["saved"]
    assert "are the same, byte by byte" in lines[0]


def test_the_command_takes_the_class_folders_names(
    art: Path, aiart_train: Command, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(art, tmp_path / "art"))
    (folder / "AiArt").rename(folder / "machines")
    (folder / "RealArt").rename(folder / "hands")
    result = aiart_train("audit", folder, "--ai", "machines", "--human", "hands", "--out", tmp_path)
    assert "- machines, 40\n" in result.stdout


def test_the_data_folder_stays_as_it_is(art: Path, aiart_train: Command) -> None:
    before = sorted(art.rglob("*"))
    result = aiart_train("audit", art, "--out", art / "audit")
    assert result.exit_code == 2
    assert "inside the data folder" in result.stderr
    assert sorted(art.rglob("*")) == before


def test_a_folder_that_is_no_data_set_is_one_line(
    aiart_train: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    (tmp_path / "art" / "cats").mkdir(parents=True)
    result = aiart_train("audit", tmp_path / "art", "--out", tmp_path)
    assert "expected one folder of AI art and one of human art" in one_line(result)
    assert [path.name for path in tmp_path.iterdir()] == ["art"]


def test_the_known_traps_of_the_small_real_data_are_found(shared_data: Path) -> None:
    found = audit(scan(shared_data / "kaggle"))
    (same,) = (pair for pair in found.pairs if pair.same_file)
    assert {same.first, same.second} == {"AiArtData/image33.jpg", "AiArtData/image34.jpg"}
    (across,) = (pair for pair in found.pairs if pair.across)
    assert "Mona_Lisa" in across.first
    assert "Mona-Lisa" in across.second
    assert len(found.pairs) == 42
    assert found.source_floor is None


def test_a_corpus_is_read_whole_and_its_geometry_gives_the_class_away(
    shared_data: Path, tmp_path: Path
) -> None:
    """The corpus grows, so nothing is expected but what holds for any; a few pictures a source."""
    sources = [path for path in (shared_data / "corpus").glob("*/*") if path.is_dir()]
    for source in sources:
        folder = tmp_path / source.relative_to(shared_data)
        folder.mkdir(parents=True)
        for picture in sorted(source.iterdir())[:3]:
            (folder / picture.name).symlink_to(picture)
    dataset = scan(tmp_path / "corpus")
    assert not dataset.broken
    assert {picture.source for picture in dataset.pictures} == {
        path.relative_to(shared_data / "corpus").as_posix() for path in sources
    }
    assert len({picture.sha256 for picture in dataset.pictures}) == len(dataset.pictures)
    found = audit(dataset)
    assert found.random_floor is not None
    assert found.source_floor is not None
    assert found.random_floor.auc > 0.5
    assert found.source_floor.auc > 0.5
