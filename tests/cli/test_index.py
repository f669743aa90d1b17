from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.conftest import hear_ctrl_c
from tests.conftest import COLOURS, FakeEncoder

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]
FAKE = [sys.executable, str(Path(__file__).with_name("fake_unisearch.py"))]


@pytest.fixture
def pictures(
    tmp_path: Path, known_encoders: dict[str, FakeEncoder], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of six colours, a note and a hidden note; the working directory is beside it."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (16, 16), colour).save(folder / f"{name}.png")
    (folder / "note.txt").write_text("a red bicycle")
    (folder / ".hidden.txt").write_text("a secret")
    monkeypatch.chdir(tmp_path)
    return folder


def summary(result: Any) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_two_commands_and_it_works(
    pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("index", pictures)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "7 added"
    assert "6 pictures encoded, 1 passage encoded in" in result.stdout
    assert "  1  are hidden  (--hidden)" in result.stdout
    assert f"collection: {pictures / '.unisearch'}" in result.stderr
    assert (pictures / ".unisearch").is_dir()
    monkeypatch.chdir(pictures)
    assert run("search", "red", "-m", "image", "-k", "1", "--paths").stdout == "red.png\n"
    assert run("search", "red bicycle", "-m", "text", "--paths").stdout == "note.txt\n"


def test_again_does_only_what_changed(
    pictures: Path, run: Run, known_encoders: dict[str, FakeEncoder]
) -> None:
    assert summary(run("index", pictures, "--json"))["added"] == 7
    encoder = known_encoders["unimo-mini"]
    encoded = encoder.images_encoded
    (pictures / "red.png").rename(pictures / "rouge.png")
    (pictures / "blue.png").unlink()
    again = summary(run("index", pictures, "--json"))
    assert (again["added"], again["moved"], again["removed"], again["unchanged"]) == (0, 1, 1, 5)
    assert encoder.images_encoded == encoded


def test_without_sources_the_same_again(
    pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary(run("index", pictures, "--json"))
    (pictures / "new.txt").write_text("something new")
    assert run("index").exit_code == 3
    monkeypatch.chdir(pictures)
    assert summary(run("index", "--json"))["added"] == 1


def test_without_sources_no_more_than_was_named(
    pictures: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "private.txt").write_text("a secret")
    (tmp_path / "one.txt").write_text("one")
    (tmp_path / "two.txt").write_text("two")
    first = run("index", pictures, "one.txt", "t*.txt", "-c", tmp_path, "--json")
    assert summary(first)["added"] == 9
    settings = json.loads((tmp_path / ".unisearch/collection.json").read_text())
    assert settings["sources"] == ["pictures", "one.txt", "t*.txt"]
    (pictures / "new.txt").write_text("new")
    (tmp_path / "three.txt").write_text("three")
    again = summary(run("index", "--json"))
    assert (again["added"], again["unchanged"]) == (2, 9)
    # Lists are not remembered, what lies in something remembered neither, but what is new.
    summary(run("index", "-", "--json", input="private.txt\n"))
    summary(run("index", pictures / "new.txt", "--json"))
    assert summary(run("index", "--json"))["files_found"] == 11
    # It moves along, and even a lost catalog comes back.
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    tmp_path.rename(moved)
    monkeypatch.chdir(moved)
    for path in Path(".unisearch").glob("catalog.sqlite*"):
        path.unlink()
    assert summary(run("index", "--json"))["added"] == 11
    # What was removed is not named any more.
    assert run("remove", "--yes", "pictures").exit_code == 0
    assert summary(run("index", "--json"))["added"] == 0
    assert run("list", "-p", "pictures/").exit_code == 1


def test_the_collection_above_is_used(pictures: Path, run: Run) -> None:
    summary(run("index", pictures, "--json"))
    below = pictures / "below"
    below.mkdir()
    (below / "more.txt").write_text("more")
    report = summary(run("index", below, "--json"))
    assert (report["added"], report["collection"]) == (1, str(pictures / ".unisearch"))
    assert not (below / ".unisearch").exists()


def test_the_collection_elsewhere(pictures: Path, run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    report = summary(run("index", pictures, "-c", elsewhere, "--json"))
    assert report["collection"] == str(elsewhere / ".unisearch")
    assert not (pictures / ".unisearch").exists()
    assert summary(run("index", pictures, "-c", elsewhere, "--json"))["unchanged"] == 7
    assert run("search", "red", "-c", elsewhere).exit_code == 0


def test_a_list_on_stdin(pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    odd = "a\nb.txt"
    Path(odd).write_text("odd name")
    assert summary(run("index", "-", "--json", input="red.png\nblue.png\n"))["added"] == 2
    report = summary(run("index", "-", "-0", "--json", input=f"{odd}\0green.png\0"))
    assert report["added"] == 2
    assert run("search", "odd name", "-m", "text", "-0").stdout == f"{odd}\0"


def test_a_glob(pictures: Path, run: Run) -> None:
    assert summary(run("index", f"{pictures}/b*.png", "--json"))["added"] == 2


@pytest.mark.parametrize(
    ("options", "added"),
    [
        (["--exclude", "*.png"], 1),
        (["-x", "b*", "-x", "*.txt"], 4),
        (["--hidden"], 8),
        (["--kind", "picture"], 6),
        (["--kind", "text"], 1),
    ],
)
def test_options(pictures: Path, run: Run, options: list[str], added: int) -> None:
    assert summary(run("index", pictures, "--json", *options))["added"] == added


def test_limits_are_named_with_the_flag_that_lifts_them(pictures: Path, run: Run) -> None:
    Image.new("RGB", (40, 40), "red").save(pictures / "large.png")
    (pictures / "cut.png").write_bytes((pictures / "large.png").read_bytes()[:60])
    result = run("index", pictures, "--max-pixels", "1000")
    assert result.exit_code == 0
    assert "have more pixels than the limit  (--max-pixels)" in result.stdout
    skipped = run("list", "--skipped", "-c", pictures).stdout
    assert "too-many-pixels" in skipped
    assert "cut.png" in skipped
    again = run("index", pictures, "--retry-skipped", "--json")
    assert summary(again)["added"] + summary(again)["updated"] >= 1


def test_tables(tmp_path: Path, run: Run, known_encoders: dict[str, FakeEncoder]) -> None:
    table = tmp_path / "goods.csv"
    table.write_text("sku,title,price\nA1,a red bicycle,100\nB2,the blue sea,5\n")
    columns = ["--text-column", "title", "--id-column", "sku", "--metadata-column", "price"]
    assert summary(run("index", table, *columns, "--json"))["texts_encoded"] == 2
    hit = json.loads(run("search", "blue sea", "-c", tmp_path, "-k", "1", "--json").stdout)
    assert hit["member"] == "B2"
    found = run("search", "x", "-c", tmp_path, "-w", "price>50", "--json").stdout
    assert json.loads(found)["member"] == "A1"


def test_two_encoders(pictures: Path, run: Run, known_encoders: dict[str, FakeEncoder]) -> None:
    summary(run("index", pictures, "--json"))
    summary(run("index", pictures, "--encoder", "other", "--json"))
    for encoder in ("unimo-mini", "other"):
        found = run(
            *("search", "red", "-c", pictures, "-e", encoder, "-m", "image", "-k", "1", "--paths")
        )
        assert found.stdout == "pictures/red.png\n"
    assert run("search", "red", "-c", pictures, "-m", "image").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["gone"], 2, "there is no '"),
        ([""], 2, "an empty source"),
        (["pictures", "--id-column", "x"], 2, "need --text-column or --image-column"),
        (["pictures", "--timeout", "-1"], 2, "timeout_s must be positive"),
        (["pictures", "--max-pixels", "0"], 2, "max_pixels must be positive"),
        (["pictures", "--encoder", "gone"], 4, "no encoder 'gone'"),
        ([], 3, "no collection here"),
    ],
)
def test_errors_of_use(
    pictures: Path, run: Run, arguments: list[str], code: int, message: str
) -> None:
    result = run("index", *arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_an_encoder_that_is_not_there_leaves_nothing_behind(pictures: Path, run: Run) -> None:
    assert run("index", pictures, "--encoder", "gone").exit_code == 4
    assert not (pictures / ".unisearch").exists()
    assert run("index").exit_code == 3
    assert not Path(".unisearch").exists()


def test_an_empty_list_does_nothing(
    pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary(run("index", pictures, "--json"))
    (pictures / "new.txt").write_text("something new")
    monkeypatch.chdir(pictures)
    result = run("index", "-", input="")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "the list on stdin is empty" in result.stderr
    assert run("search", "something new", "--path", "new.txt").exit_code == 1


def test_what_is_missing_is_named_and_the_rest_is_done(pictures: Path, run: Run) -> None:
    result = run("index", pictures, "gone")
    assert result.exit_code == 2
    assert "7 added" in result.stdout
    assert "missing: " in result.stdout


def test_two_at_once(pictures: Path, run: Run) -> None:
    from unisearch.store.lock import WriterLock

    summary(run("index", pictures, "--json"))
    with WriterLock(pictures / ".unisearch" / "index.lock"):
        result = run("index", pictures)
    assert result.exit_code == 3
    assert str(os.getpid()) in result.stderr


def test_an_interrupt_keeps_what_was_committed(pictures: Path, tmp_path: Path) -> None:
    for number in range(3000):
        (pictures / f"{number}.txt").write_text(f"text number {number}")
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import time\n"
        "import tests.cli.fake_unisearch as fake\n"
        "from tests.conftest import FakeEncoder\n"
        "encode = FakeEncoder.encode_texts\n"
        "def slowly(self, texts):\n"
        "    time.sleep(0.05)\n"
        "    return encode(self, texts)\n"
        "FakeEncoder.encode_texts = slowly\n"
        "fake.main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, str(slow), "index", str(pictures)],
        env=environment,
        preexec_fn=hear_ctrl_c,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    catalog = pictures / ".unisearch" / "catalog.sqlite-wal"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (
        catalog.exists() and catalog.stat().st_size > 200_000
    ):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, complaint = process.communicate(timeout=30)
    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
    assert output.startswith("stopped early: ")
    assert complaint.count("stopping after the batch at hand; Ctrl-C again stops at once") == 1
    listed = subprocess.run(
        [*FAKE, "list", "--json", "-c", str(pictures)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < len(listed.stdout.splitlines()) < 3000
