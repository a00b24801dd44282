"""The command aiart-edge."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from aiart_edge import Classifier, __version__
from aiart_edge.model_file import read_model_file
from aiart_edge.origin import Origin

SAMPLE = Path(__file__).parents[2] / "samples" / "van-gogh-auvers-1890.jpg"

PROGRAM = [sys.executable, "-c", "from aiart_edge.cli import program; program()"]

Command = Callable[..., Result]


def test_a_verdict_is_printed_with_its_probability_and_its_picture(aiart_edge: Command) -> None:
    result = aiart_edge("classify", SAMPLE)
    assert result.exit_code == 0
    assert result.stderr == ""
    line, origin, footer = result.stdout.splitlines()
    with Classifier.load() as classifier:
        expected = classifier.classify(SAMPLE)
    assert line == f"unsure  p(ai) {expected.p_ai:.2f} [######....]  {SAMPLE}"
    assert origin == "        the file says nothing"
    assert footer == "A verdict is a signal, not proof."


def test_another_model_is_used_when_it_is_named(
    aiart_edge: Command, model_files: dict[str, Path]
) -> None:
    for path in model_files.values():
        with Classifier.load(path) as classifier:
            expected = classifier.classify(SAMPLE)
        answer = aiart_edge("classify", SAMPLE, "--model", path).stdout
        assert answer.startswith(f"{expected.verdict:6}  p(ai) {expected.p_ai:.2f} ")


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_bad_picture_alone_is_a_failure_with_one_line(
    content: bytes | None, aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    path = tmp_path / "picture.jpg"
    if content is not None:
        path.write_bytes(content)
    result = aiart_edge("classify", path)
    assert result.exit_code == 1
    assert str(path) in one_line(result)


def test_bad_pictures_among_good_ones_do_not_stop_the_rest(
    aiart_edge: Command, tmp_path: Path
) -> None:
    result = aiart_edge("classify", tmp_path / "missing.jpg", SAMPLE)
    assert result.exit_code == 3
    assert "missing.jpg" in result.stderr
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_does_not_stop_the_rest(
    aiart_edge: Command, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.jpg"
    locked.touch(mode=0o000)
    result = aiart_edge("classify", locked, SAMPLE)
    assert result.exit_code == 3
    assert "Permission denied" in result.stderr
    assert len(result.stdout.splitlines()) == 3


def test_a_file_name_with_a_line_break_still_gives_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    assert "No such file" in one_line(aiart_edge("classify", tmp_path / "two\nlines.jpg"))


def test_a_broken_model_file_is_a_failure_with_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no model")
    result = aiart_edge("classify", SAMPLE, "--model", path)
    assert result.exit_code == 1
    assert "not a model that aiart-convert wrote" in one_line(result)


def test_no_picture_at_all_is_a_usage_error(aiart_edge: Command) -> None:
    assert aiart_edge("classify").exit_code == 2


def test_the_version_is_the_packages(aiart_edge: Command) -> None:
    assert __version__ in aiart_edge("--version").stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_neither_numpy_nor_pillow_nor_a_runtime(option: str) -> None:
    script = (
        "import sys; from aiart_edge.cli import main\n"
        f"try: main(['{option}'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'PIL', 'tflite_runtime', 'ai_edge_litert'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_color_takes_the_colours_away(
    aiart_edge: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiart_edge.cli import main

    def coloured() -> bool:
        return "\x1b[" in CliRunner().invoke(main, ["classify", str(SAMPLE)], color=True).stdout

    assert coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured()


def read_records(form: str, text: str) -> list[dict[str, object]]:
    if form == "--csv":
        return [
            {name: value for name, value in row.items() if value}
            for row in csv.DictReader(io.StringIO(text, newline=""))
        ]
    return json.loads(text) if form == "--json" else [json.loads(row) for row in text.splitlines()]


@pytest.mark.parametrize("form", ["--json", "--jsonl", "--csv"])
def test_machines_read_a_record_of_each_picture_and_nothing_else(
    form: str, aiart_edge: Command, tmp_path: Path
) -> None:
    names = ["a.jpg", "two\nlines.jpg", 'comma, "quote".jpg']
    paths = [tmp_path / name for name in names]
    for path in paths:
        shutil.copy(SAMPLE, path)
    result = aiart_edge("classify", form, *paths, tmp_path / "missing.jpg")
    assert result.exit_code == 3
    *read, missing = read_records(form, result.stdout)
    with Classifier.load() as classifier:
        expected = classifier.classify(SAMPLE)
        network = classifier.identity | ({} if form == "--csv" else {"schema": 1})
    silence = {"origin_says": "nothing"} if form == "--csv" else {"origin": Origin().as_dict()}
    for record, path in zip(read, paths, strict=True):
        assert float(record.pop("p_ai")) == pytest.approx(expected.p_ai, abs=1e-4)
        assert record == {
            "path": str(path),
            "verdict": expected.verdict,
            "label": expected.label,
            **silence,
            **network,
        }
    assert missing == {
        "path": str(tmp_path / "missing.jpg"),
        **network,
        "error": "cannot be read (No such file or directory)",
        "kind": "access",
    }
    assert len(result.stderr.splitlines()) == 1


def test_nothing_at_all_is_still_json(aiart_edge: Command, tmp_path: Path) -> None:
    result = aiart_edge("classify", "--json", "--recursive", tmp_path)
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert result.stderr == "No picture was found.\n"


def test_quiet_prints_the_verdict_alone(aiart_edge: Command) -> None:
    assert aiart_edge("classify", "--quiet", SAMPLE).stdout == "unsure\n"


def test_a_name_that_is_not_utf_8_leaves_a_table_as_it_came(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    shutil.copy(SAMPLE, path)
    done = subprocess.run([*PROGRAM, "classify", "--csv", path], capture_output=True, check=True)
    assert path in done.stdout
    done = subprocess.run([*PROGRAM, "classify", "--jsonl", path], capture_output=True, check=True)
    assert os.fsencode(json.loads(done.stdout)["path"]) == path
    done = subprocess.run([*PROGRAM, "classify", path], capture_output=True, check=True)
    assert b".jpg" in done.stdout


def test_a_name_cannot_send_orders_to_the_terminal(aiart_edge: Command, tmp_path: Path) -> None:
    path = tmp_path / "\x1b]0;evil\x07.jpg"
    shutil.copy(SAMPLE, path)
    result = aiart_edge("classify", path, f"{path}.missing")
    assert "\x1b" not in result.stdout + result.stderr
    assert "?]0;evil?.jpg" in result.stdout
    assert "?]0;evil?.jpg" in result.stderr


def test_standard_input_is_a_picture_where_a_dash_is_named() -> None:
    command = [*PROGRAM, "classify", "--jsonl", "-"]
    with SAMPLE.open("rb") as file:
        redirected = subprocess.run(command, stdin=file, capture_output=True, check=True)
    piped = subprocess.run(command, input=SAMPLE.read_bytes(), capture_output=True, check=True)
    assert redirected.stdout == piped.stdout
    assert json.loads(piped.stdout)["path"] == "-"


def test_a_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([*PROGRAM, "classify", "-q", pipe], stdout=-1, text=True) as process:
        pipe.write_bytes(SAMPLE.read_bytes())
        assert process.communicate()[0] == "unsure\n"


def test_only_and_sort_choose_and_order(aiart_edge: Command, tmp_path: Path, art: Path) -> None:
    everything = read_records("--json", aiart_edge("classify", "--json", "-r", art).stdout)
    assert len(everything) == 80
    command = ("classify", "--json", "-r", art, "--sort", "p_ai", "--only")
    for verdict in ("ai", "human", "unsure"):
        records = read_records("--json", aiart_edge(*command, verdict).stdout)
        expected = [record for record in everything if record["verdict"] == verdict]
        shares = [record["p_ai"] for record in records]
        assert shares == sorted((record["p_ai"] for record in expected), reverse=True)
        assert {record["path"] for record in records} == {record["path"] for record in expected}


def test_several_jobs_give_the_same_in_the_same_order(aiart_edge: Command, art: Path) -> None:
    command = ("classify", "--jsonl", "-r", art, "--jobs")
    one, four = (aiart_edge(*command, jobs).stdout for jobs in (1, 4))
    assert one == four


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        (["--threshold", "0.02"], "ai"),
        (["--threshold", "0.98"], "human"),
        (["--band", "0.98", "0.99"], "human"),
        (["--band", "0.01", "0.02"], "ai"),
        (["--band", "0", "1"], "unsure"),
    ],
)
def test_a_threshold_or_a_band_of_the_users_decides(
    options: list[str], verdict: str, aiart_edge: Command
) -> None:
    assert aiart_edge("classify", "--quiet", SAMPLE, *options).stdout == f"{verdict}\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "2"],
        ["--band", "0.9", "0.1"],
        ["--threshold", "0.5", "--band", "0.1", "0.9"],
        ["--size", "150"],
        ["--size", "nonsense", "--labels", "ai,human"],
        ["--jobs", "0"],
        ["--runtime", "abacus"],
    ],
)
def test_options_that_make_no_sense_are_wrong_usage(
    options: list[str], aiart_edge: Command
) -> None:
    assert aiart_edge("classify", SAMPLE, *options).exit_code == 2


def test_a_picture_that_cannot_be_judged_is_unsure_with_a_reason(
    aiart_edge: Command, tmp_path: Path
) -> None:
    Image.open(SAMPLE).resize((300, 63)).save(tmp_path / "small.png")
    Image.new("RGB", (300, 300), "teal").save(tmp_path / "plain.png")
    plain, small = read_records("--json", aiart_edge("classify", "--json", tmp_path).stdout)
    assert (plain["verdict"], small["verdict"]) == ("unsure", "unsure")
    assert plain["reason"] == "it has one colour alone"
    assert small["reason"] == "its short side has 63 pixels, below 64"
    assert f"({small['reason']})" in aiart_edge("classify", tmp_path).stdout


def test_a_bar_shows_how_far_it_is_on_a_terminal_alone(art: Path) -> None:
    command = [*PROGRAM, "classify", "--quiet", "-r", str(art)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""
    reader, terminal = pty.openpty()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=terminal, check=True)
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # the end, on Linux
        while part := os.read(reader, 1 << 16):
            seen += part
    os.close(reader)
    assert b"Classifying" in seen
    assert b"100%" in seen


def test_a_reader_that_goes_away_ends_it_quietly(art: Path) -> None:
    command = [*PROGRAM, "classify", "--jsonl", "-r", str(art)]
    with subprocess.Popen(command, stdout=-1, stderr=-1) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_ends_a_batch_with_one_word_and_130(art: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text("\n".join([str(SAMPLE)] * 100_000))
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [PROGRAM[0], "-c", script + PROGRAM[2], "classify", "-q", "--from-file", listed]
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (process.returncode, said.split()) == (130, ["Aborted!"])


def test_ten_thousand_files_are_no_trouble(aiart_edge: Command, tmp_path: Path) -> None:
    first = tmp_path / "0.png"
    first.write_bytes(b"broken")
    for number in range(1, 10_000):
        (tmp_path / f"{number}.png").hardlink_to(first)
    result = aiart_edge("classify", "--jsonl", tmp_path, SAMPLE)
    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 10_001


@pytest.mark.parametrize("command", ["info", "doctor", "bench"])
def test_what_people_read_machines_can_read_too(command: str, aiart_edge: Command) -> None:
    arguments = (command, "--count", 2) if command == "bench" else (command,)
    people, machines = aiart_edge(*arguments), aiart_edge(*arguments, "--json")
    assert (people.exit_code, machines.exit_code) == (0, 0)
    assert "default" in people.stdout
    assert "default" in json.dumps(json.loads(machines.stdout))


def test_info_shows_what_the_file_says_of_itself(
    aiart_edge: Command, model_files: dict[str, Path]
) -> None:
    document = json.loads(aiart_edge("info", model_files["int8"], "--json").stdout)
    file = read_model_file(model_files["int8"])
    assert document["precision"] == "int8"
    assert document["input"] == {"height": 64, "width": 64, "resize": "squash"}
    assert document["network"]["sha256"] == hashlib.sha256(file.network).hexdigest()
    assert file.sha256 in aiart_edge("info", model_files["int8"]).stdout


def test_info_of_a_broken_file_is_one_line(
    aiart_edge: Command, one_line: Callable[[Result], str], tmp_path: Path
) -> None:
    assert "No such file" in one_line(aiart_edge("info", tmp_path / "model.tflite"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_each_shell_is_printed(shell: str, aiart_edge: Command) -> None:
    result = aiart_edge("completion", shell)
    assert result.exit_code == 0
    assert "_AIART_EDGE_COMPLETE" in result.stdout


def test_the_runtimes_own_remarks_do_not_reach_the_user(model_files: dict[str, Path]) -> None:
    command = [*PROGRAM, "classify", str(SAMPLE), "--model", str(model_files["float32"])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_what_libtiff_remarks_does_not_reach_the_user(tmp_path: Path) -> None:
    Image.open(SAMPLE).save(tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[5000:6000] = b"\xff" * 1000
    (tmp_path / "a.tif").write_bytes(content)
    command = [*PROGRAM, "classify", tmp_path / "a.tif"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .*a.tif: cannot be read .*\n", done.stderr)


@pytest.mark.parametrize("room", ["aiart_edge", "aiart_train", "aiart_convert"])
def test_a_full_disk_behind_standard_output_is_one_line(room: str) -> None:
    command = [sys.executable, "-c", f"from {room}.cli import program; program()", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: <stdout>: cannot be written (No space left on device)\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("classify - <&-", "-: cannot be read (Bad file descriptor)"),
        ("origin - <&-", "-: cannot be read (Bad file descriptor)"),
        ("classify --from-file - <&-", "the list cannot be read (Bad file descriptor)"),
        (f"classify {SAMPLE} >&-", "<stdout>: cannot be written (Bad file descriptor)"),
    ],
)
def test_a_closed_stream_that_is_needed_is_one_line(arguments: str, said: str) -> None:
    command = f"{sys.executable} -m aiart_edge {arguments}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in {1, 2}
    assert done.stderr.splitlines()[-1] == f"Error: {said}"
    assert "Traceback" not in done.stderr


def test_a_closed_standard_error_is_no_reason_to_fail() -> None:
    command = (
        f"{sys.executable} -c 'from aiart_edge.cli import main; main()' classify {SAMPLE} 2>&-"
    )
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert done.stdout
