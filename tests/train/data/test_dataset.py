"""Scanning a data folder."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from aiart_edge import DataError
from aiart_train.data.dataset import fingerprint, scan
from aiart_train.data.duplicates import near_pairs


@pytest.fixture
def folder(art: Path, tmp_path: Path) -> Path:
    """A copy of the drawn art, to be spoilt."""
    return Path(shutil.copytree(art, tmp_path / "art"))


def test_every_picture_is_found_with_its_class(art: Path) -> None:
    pictures = scan(art).pictures
    assert [picture.path for picture in pictures][:2] == ["AiArt/00.jpg", "AiArt/01.png"]
    assert [picture.label for picture in pictures] == ["ai"] * 40 + ["human"] * 40


def test_the_content_decides_what_is_a_picture_and_litter_is_passed_over(folder: Path) -> None:
    (folder / "AiArt" / "00.jpg").rename(folder / "AiArt" / ".no-ending")
    (folder / "AiArt" / ".DS_Store").write_bytes(b"litter")
    (folder / "AiArt" / "._01.png").write_bytes(b"litter")
    (folder / "AiArt" / ".git").mkdir()
    (folder / "AiArt" / ".git" / "index").write_bytes(b"litter")
    dataset = scan(folder)
    assert "AiArt/.no-ending" in {picture.path for picture in dataset.pictures}
    assert len(dataset.pictures) == 80
    assert dataset.broken == ()


def test_the_facts_of_a_file_are_those_it_is_stored_with(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned when it is shown
    exif[0x010F] = "Ideogram AI"
    stored = folder / "AiArt" / "stored.png"  # in truth a JPEG
    Image.new("RGB", (2000, 1000)).save(stored, "JPEG", quality=60, exif=exif)
    facts = {picture.path: picture for picture in scan(folder).pictures}
    picture = facts["AiArt/stored.png"]
    assert (picture.format, picture.width, picture.height) == ("JPEG", 2000, 1000)
    assert picture.file_size == stored.stat().st_size
    assert picture.jpeg_quality == 60
    assert (facts["AiArt/01.png"].format, facts["AiArt/01.png"].jpeg_quality) == ("PNG", 0)
    assert picture.says == "ai"
    assert facts["AiArt/01.png"].says == "nothing"


def test_a_nested_folder_is_a_source(folder: Path) -> None:
    (folder / "RealArt" / "museum" / "room").mkdir(parents=True)
    (folder / "RealArt" / "00.jpg").rename(folder / "RealArt" / "museum" / "room" / "00.jpg")
    sources = {picture.path: picture.source for picture in scan(folder).pictures}
    assert sources["RealArt/museum/room/00.jpg"] == "RealArt/museum"
    assert sources["RealArt/01.png"] == "RealArt"


def test_several_folders_are_one_data_set_whose_sources_they_keep_apart(
    folder: Path, art: Path, tmp_path: Path
) -> None:
    shutil.copytree(art, tmp_path / "more")
    dataset = scan(folder, tmp_path / "more")
    sources = Counter(picture.source for picture in dataset.pictures)
    assert sources == {
        f"{name}/{label}": 40 for name in (folder.name, "more") for label in ("AiArt", "RealArt")
    }
    assert all((dataset.folder / picture.path).is_file() for picture in dataset.pictures)


def test_a_folder_inside_another_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="this data folder lies in another"):
        scan(folder, folder / "AiArt")


def test_a_folder_that_is_named_twice_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="this data folder is named twice"):
        scan(folder, folder / "AiArt" / "..")


def test_sources_that_match_a_pattern_are_one(folder: Path) -> None:
    for number in range(0, 9, 3):
        room = folder / "RealArt" / f"room-{number}"
        room.mkdir()
        (folder / "RealArt" / f"{number:02}.jpg").rename(room / "picture.jpg")
    dataset = scan(folder, one_source=["*/room-[03]"])
    assert Counter(picture.source for picture in dataset.pictures) == {
        "AiArt": 40, "RealArt": 37, "*/room-[03]": 2, "RealArt/room-6": 1,
    }  # fmt: skip


def test_a_few_broken_files_are_skipped_and_named(folder: Path) -> None:
    (folder / "AiArt" / "letter.jpg").write_bytes(b"not a picture")
    dataset = scan(folder)
    assert len(dataset.pictures) == 80
    assert [line.split(": ")[0] for line in dataset.broken] == [str(folder / "AiArt/letter.jpg")]


def test_too_many_broken_files_are_refused(folder: Path) -> None:
    for number in range(5):
        (folder / "AiArt" / f"letter-{number}.jpg").write_bytes(b"not a picture")
    with pytest.raises(DataError, match="5 of 85 files cannot be read as pictures"):
        scan(folder)


@pytest.mark.parametrize("name", ["AI", "ai_art", "FAKE", "AI-generated"])
def test_common_names_of_a_class_are_understood(name: str, folder: Path) -> None:
    (folder / "AiArt").rename(folder / name)
    assert {picture.label for picture in scan(folder).pictures} == {"ai", "human"}


def test_an_unknown_name_of_a_class_can_be_given(folder: Path) -> None:
    (folder / "AiArt").rename(folder / "machines")
    with pytest.raises(DataError, match="RealArt, machines; name them with --ai"):
        scan(folder)
    assert len(scan(folder, names={"ai": "machines"}).pictures) == 80


def test_a_class_without_pictures_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "AiArt")
    (folder / "AiArt").mkdir()
    with pytest.raises(DataError, match="the class 'ai' has no picture"):
        scan(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file or directory"):
        scan(tmp_path / "missing")


def write_list(path: Path, lines: list[str], head: str = "path,label") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join([head, *lines, ""]).encode("utf-8-sig"))  # as from a spreadsheet
    return path


def pictures_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*"))


def test_a_list_gives_the_pictures_that_its_folder_gives(folder: Path) -> None:
    lines = [f"{name},{name.split('/')[0]}" for name in pictures_of(folder)]
    listed = scan(write_list(folder / "art.csv", lines))
    assert fingerprint(listed.pictures) == fingerprint(scan(folder).pictures)
    assert {picture.source for picture in listed.pictures} == {"ai", "human"}


def test_a_list_may_say_sources_and_name_pictures_that_lie_elsewhere(folder: Path) -> None:
    names = pictures_of(folder)
    lines = [f"../art/{name},{name[:2]},of {number % 3}" for number, name in enumerate(names)]
    lists = write_list(folder.parent / "lists" / "art.csv", lines, "path,label,source")
    dataset = scan(lists, names={"ai": "Ai", "human": "Re"})
    assert dataset.folder == folder.parent
    assert dataset.pictures[0].path == "art/AiArt/00.jpg"
    assert {picture.source for picture in dataset.pictures} == {"of 0", "of 1", "of 2"}


def test_lists_and_folders_are_one_data_set(folder: Path, art: Path) -> None:
    lists = write_list(folder / "art.csv", ["AiArt/00.jpg,fake", "RealArt/00.jpg,real"])
    dataset = scan(art, lists)
    assert len(dataset.pictures) == 82
    assert f"{folder.relative_to(dataset.folder)}/ai" in {one.source for one in dataset.pictures}


def test_what_a_list_names_and_is_not_there_is_broken(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    lines = [f"{name},{name.split('/')[0]}" for name in pictures_of(folder)]
    lists = write_list(folder / "art.csv", [*lines, "pipe,ai", "nowhere.png,human"])
    assert [line.partition(": ")[2] for line in scan(lists).broken] == ["there is no such file"] * 2


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["AiArt/00.jpg,ai", "RealArt/00.jpg,photo"], "found besides: photo; name them with --ai"),
        (["AiArt/00.jpg,ai"], "the class 'human' has no picture"),
        (["AiArt/00.jpg,ai", "AiArt/../AiArt/00.jpg,human"], "is listed twice"),
        (["AiArt/00.jpg"], "line 2 of the list is broken"),
        ([",ai"], "line 2 of the list is broken"),
        ([], "the class 'ai' has no picture"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(
    lines: list[str], problem: str, folder: Path
) -> None:
    with pytest.raises(DataError, match=problem):
        scan(write_list(folder / "art.csv", lines))


def test_a_list_without_the_columns_says_which(folder: Path) -> None:
    lists = write_list(folder / "art.csv", ["AiArt/00.jpg,ai"], "file;class")
    with pytest.raises(DataError, match="its columns are path,label"):
        scan(lists)


def test_a_file_name_that_is_not_utf_8_is_a_name_like_any_other(folder: Path) -> None:
    odd = os.fsdecode(b"AiArt/caf\xe9.jpg")
    (folder / "AiArt" / "00.jpg").rename(folder / odd)
    pictures = scan(folder).pictures
    assert odd in {picture.path for picture in pictures}
    assert len(fingerprint(pictures)) == 64


def test_the_fingerprint_changes_with_the_data_and_with_nothing_else(folder: Path) -> None:
    before = fingerprint(scan(folder).pictures)
    assert fingerprint(reversed(scan(folder).pictures)) == before
    Image.new("RGB", (50, 50)).save(folder / "AiArt" / "00.jpg")
    assert fingerprint(scan(folder).pictures) != before


def test_the_known_duplicates_of_the_real_data_are_found(shared_data: Path) -> None:
    pictures = scan(shared_data / "kaggle").pictures
    pairs = near_pairs([picture.phash for picture in pictures])
    same_file = [(a, b) for a, b in pairs if pictures[a].sha256 == pictures[b].sha256]
    across = [(a, b) for a, b in pairs if pictures[a].label != pictures[b].label]
    assert (len(pictures), len(pairs), len(same_file), len(across)) == (960, 42, 1, 1)
