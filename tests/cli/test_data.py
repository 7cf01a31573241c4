"""What `vaebench data` says of data sets that are here, missing or damaged."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Say
from tests.cli.test_inspect import on_terminal
from tests.data.published_formats import altered
from tests.download.loopback import Site, serving
from vaebench import download as downloads
from vaebench.cli.bars import Bars
from vaebench.cli.preview import half_blocks, preview
from vaebench.data import DATASETS, dataset_names, find_dataset, load_dataset
from vaebench.data.info import FileCheck
from vaebench.data.mnist import COLLECTIONS
from vaebench.download import DownloadEvent
from vaebench.errors import DataError


def put_files(folder: Path, name: str) -> Path:
    """Writes files of the right names, sizes and headers, sparse and black; returns their place."""
    raw = COLLECTIONS[name].folder(folder)
    raw.mkdir(parents=True)
    for file in COLLECTIONS[name].files:
        with (raw / file.name).open("wb") as stream:
            stream.write(struct.pack(f">{len(file.header)}i", *file.header))
            os.truncate(stream.fileno(), file.bytes)
    return raw


class TestList:
    def test_every_data_set_with_what_to_do(self, say: Say, tmp_path: Path) -> None:
        raw = put_files(tmp_path, "mnist")
        said = say("data", "list", "--data-dir", tmp_path)
        assert said.code == 0
        assert said.err == (
            "`sweep --label` chooses which of celeba's 40 attributes is its label.\n"
            f"To get one that is not here: vaebench data download NAME --data-dir {tmp_path}\n"
        )
        lines = {line.split()[0]: line for line in said.out.splitlines()[1:]}
        assert set(lines) == set(dataset_names())
        assert "yes" in lines["dsprites"]
        assert "no file needed" in lines["dsprites"]
        assert lines["mnist"].endswith(str(raw))
        assert "70,000" in lines["mnist"]
        assert lines["fashion-mnist"].split() == ["fashion-mnist", "no", "70,000", "31", "MB", "-"]
        assert "12.7 GB" in lines["mpi3d_real"]
        assert "> 1.5 GB" in lines["celeba"]  # of two of its lists no source gives the size
        assert "unknown" in lines["cars3d"]

    def test_eighty_columns_are_enough(self, tmp_path: Path) -> None:
        lines = on_terminal(80, "data", "list", VAEBENCH_DATA="data", NO_COLOR="1", TERM="dumb")
        assert lines[0].split() == ["name", "here", "images", "download", "where"]
        assert max(len(line) for line in lines) <= 80
        assert len(lines) == 1 + len(DATASETS) + 2
        assert lines[-2].startswith("`sweep --label` chooses which of celeba's 40 attributes")

    def test_a_damaged_file_is_not_here(self, say: Say, tmp_path: Path) -> None:
        raw = put_files(tmp_path, "mnist")
        os.truncate(raw / "train-images-idx3-ubyte", 1000)
        out = say("data", "list", "--data-dir", tmp_path).out
        line = next(line for line in out.splitlines() if line.startswith("mnist"))
        assert line.split()[1] == "no"
        assert "vaebench data check mnist" in line

    def test_the_folder_can_be_named_by_the_environment(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        raw = put_files(tmp_path, "mnist")
        monkeypatch.setenv("VAEBENCH_DATA", str(tmp_path))
        assert str(raw) in say("data", "list").out

    def test_the_official_file_of_dsprites_is_named(self, say: Say, tmp_path: Path) -> None:
        path = tmp_path / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
        path.write_bytes(b"x")
        line = say("data", "list", "--data-dir", tmp_path).out.splitlines()[1]
        assert line.split() == ["dsprites", "yes", "737,280", "-", str(path)]


def facts(out: str) -> dict[str, str]:
    """What `show` says, by row."""
    rows = [line.strip() for line in out.splitlines()[1:]]
    return dict(re.split(r"\s{2,}", row, maxsplit=1) for row in rows)


def own_images(folder: Path) -> Path:
    """An npz file of 40 colour images of 8×6 pixels, each of one colour."""
    colours = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 3), dtype=np.uint8)
    path = folder / "own.npz"
    factors = np.arange(40)[:, None] // np.array([8, 1]) % np.array([5, 8])
    np.savez(path, images=np.tile(colours, (1, 8, 6, 1)), factors=factors, factor_names=["a", "b"])
    return path


class TestShow:
    def test_every_data_set_says_what_it_is(self, say: Say, tmp_path: Path) -> None:
        for about in DATASETS:
            name = about.name
            said = say("data", "show", name, "--data-dir", tmp_path)
            assert said.code == 0
            assert said.out.splitlines()[0] == about.title
            found, contents = facts(said.out), about.contents
            assert found["name"] == name
            assert found["what"] == about.what
            assert found["images"] == f"{contents.images:,}"
            assert found["shape"].startswith("×".join(map(str, contents.observation_shape)))
            assert found["licence"] == about.licence
            assert found["citation"] == about.citation
            assert found["home page"] == about.url
            assert found["random part"].startswith("drawn" if contents.stochastic else "none")
            assert said.err.count("\n") == 1
            assert said.err.startswith("No preview: ")

    def test_factors_sizes_and_whereabouts(self, say: Say, tmp_path: Path) -> None:
        found = facts(say("data", "show", "smallnorb", "--data-dir", tmp_path).out)
        assert found["factors"] == "category 5, elevation 9, azimuth 18, lighting 6"
        assert found["labels"] == "5: animal, human, airplane, truck, car"
        assert found["split"] == "none"
        assert found["here"] == f"no: vaebench data download smallnorb --data-dir {tmp_path}"
        assert found["download"] == "263 MB"
        assert found["unpacked"] == "199 MB, written once at first use"
        found = facts(say("data", "show", "dsprites", "--data-dir", tmp_path).out)
        assert found["here"] == "yes, drawn from formulas, no file needed"
        assert (found["download"], found["unpacked"]) == ("none needed", "no")
        found = facts(say("data", "show", "cars3d", "--data-dir", tmp_path).out)
        assert found["labels"].startswith("183: object 0, object 1,")
        assert found["labels"].endswith(", object 9, …")
        raw = put_files(tmp_path, "mnist")
        found = facts(say("data", "show", "mnist", "--data-dir", tmp_path).out)
        assert (found["here"], found["factors"]) == (f"yes, {raw}", "none known")
        assert found["split"] == "published: training and test images"

    def test_own_images(self, say: Say, tmp_path: Path) -> None:
        path = own_images(tmp_path)
        found = facts(say("data", "show", f"npz:{path}").out)
        assert (found["images"], found["shape"]) == ("40", "3×8×6 (colour)")
        assert found["factors"] == "a 5, b 8"
        assert found["here"].startswith(f"yes, {path}")
        assert "citation" not in found
        (tmp_path / "photos" / "cats").mkdir(parents=True)
        Image.new("L", (70, 50), 200).save(tmp_path / "photos" / "cats" / "a.png")
        folder = f"folder:{tmp_path / 'photos'}"
        found = facts(say("data", "show", folder, "--data-dir", tmp_path).out)
        assert (found["images"], found["shape"]) == ("1", "1×64×64 (grey)")
        assert found["labels"] == "1: cats"

    def test_the_sample_picture(self, say: Say, tmp_path: Path) -> None:
        path = own_images(tmp_path)
        picture = tmp_path / "new" / "sample.PNG"
        said = say("data", "show", f"npz:{path}", "--picture", picture)
        assert (said.code, said.err) == (0, f"Sample picture: {picture}\n")
        with Image.open(picture) as opened:
            assert (opened.format, opened.mode, opened.size) == ("PNG", "RGB", (8 * 6, 3 * 8))
            pixels = np.asarray(opened)
        data = load_dataset(f"npz:{path}")
        chosen = np.random.default_rng(0).integers(0, 40, 24)
        assert (pixels[16:, 42:] == data.observations(chosen[23])[0].transpose(1, 2, 0)).all()

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["dsprite"], 2, "Did you mean 'dsprites'?"),
            (["npz:nowhere.npz"], 1, "nowhere.npz is missing"),
            (["folder:nowhere"], 1, "nowhere is missing"),
            (["dsprites", "--picture", "x.jpg"], 2, "'x.jpg'; the name of a PNG file ends in .png"),
            (["mnist", "--picture", "x.png"], 1, "Run `vaebench data download mnist"),
        ],
    )
    def test_errors_are_one_line(
        self, say: Say, tmp_path: Path, words: list[str], code: int, message: str
    ) -> None:
        said = say("data", "show", *words, "--data-dir", tmp_path)
        assert (said.code, said.out) == (code, "")
        assert said.err.startswith("vaebench: ")
        assert message in said.err
        assert said.err.count("\n") == 1

    def test_a_picture_that_cannot_be_written(self, say: Say, tmp_path: Path) -> None:
        (tmp_path / "folder.png").mkdir()
        path = own_images(tmp_path)
        (tmp_path / "notes.png").write_text("no picture")
        for place, why in (
            (tmp_path / "folder.png", "is a folder, not a regular file"),
            (path / "below.png", "cannot be written: Not a directory"),
            (tmp_path / "notes.png", "was not made by this command"),
        ):
            said = say("data", "show", f"npz:{path}", "--picture", place)
            assert (said.code, said.out) == (1, "")
            assert said.err.startswith(f"vaebench: {place} ")
            assert why in said.err
            assert said.err.count("\n") == 1
        assert (tmp_path / "notes.png").read_text() == "no picture"

    def test_neither_list_nor_show_imports_anything_heavy(self, tmp_path: Path) -> None:
        code = (
            "import sys\nfrom vaebench.cli.app import run\n"
            f"folder = {str(tmp_path)!r}\nrun(['data', 'list', '--data-dir', folder])\n"
            "run(['data', 'show', 'celeba', '--data-dir', folder])\n"
            "print(*(m for m in ('torch', 'torchvision', 'scipy', 'PIL', 'h5py', 'requests') "
            "if m in sys.modules))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == ""


class TestPreview:
    def test_a_character_is_two_pixels(self) -> None:
        pixels = np.arange(2 * 4 * 2 * 3, dtype=np.uint8).reshape(2, 4, 2, 3)
        text = half_blocks([Image.fromarray(image) for image in pixels], 20)
        assert text.plain == "▀▀ ▀▀\n▀▀ ▀▀"
        colours = [(span.style.color.triplet, span.style.bgcolor.triplet) for span in text.spans]
        expected = [
            (tuple(image[line, column]), tuple(image[line + 1, column]))
            for line in (0, 2)
            for image in pixels
            for column in (0, 1)
        ]
        assert colours == expected

    def test_images_are_scaled_down_but_not_up(self) -> None:
        assert (
            half_blocks([Image.new("RGB", (64, 64))] * 2, 18).plain.splitlines()
            == ["▀" * 18 + " " + "▀" * 18] * 9
        )
        assert half_blocks([Image.new("RGB", (100, 40))], 20).plain == "\n".join(["▀" * 20] * 4)
        assert half_blocks([Image.new("RGB", (3, 1))], 20).plain == "▀▀▀"
        assert half_blocks([Image.new("RGB", (1, 300))], 20).plain == "\n".join("▀" * 10)

    def test_on_a_terminal_in_full_colour(self, tmp_path: Path) -> None:
        path = own_images(tmp_path)
        lines = on_terminal(80, "data", "show", f"npz:{path}", COLORTERM="truecolor", NO_COLOR="")
        drawn = [line for line in lines if "▀" in line]
        assert len(drawn) == 2 * 4
        assert [line.strip() for line in lines[-10:] if "▀" not in line] == ["", ""]
        images = load_dataset(f"npz:{path}").observations(
            np.random.default_rng(0).integers(0, 40, 8)
        )
        for row in (0, 1):
            expected = [tuple(image[:, 0, 0]) for image in images[4 * row : 4 * row + 4]]
            found = re.findall(r"38;2;(\d+);(\d+);(\d+);48", drawn[4 * row])
            seen = list(dict.fromkeys(tuple(map(int, colour)) for colour in found))
            assert seen == expected

    @pytest.mark.parametrize(("width", "across"), [(40, 2), (80, 4), (120, 6), (300, 8)])
    def test_it_fits_the_terminal(self, tmp_path: Path, width: int, across: int) -> None:
        path = tmp_path / "wide.npz"
        np.savez(path, images=np.zeros((20, 64, 64), np.uint8))
        lines = preview(f"npz:{path}", str(tmp_path), width).renderable.plain.splitlines()
        assert max(map(len, lines)) <= width - 2
        assert lines[0].count(" ") == across - 1

    @pytest.mark.parametrize(
        ("environment", "reason"),
        [
            ({"NO_COLOR": "1"}, "no colours"),
            ({"TERM": "dumb"}, "no colours"),
            ({"PYTHONIOENCODING": "ascii"}, "no half blocks"),
        ],
    )
    def test_terminals_without_colours(
        self, tmp_path: Path, environment: dict[str, str], reason: str
    ) -> None:
        path = own_images(tmp_path)
        lines = on_terminal(100, "data", "show", f"npz:{path}", **environment)
        assert "No preview: the output " in "".join(lines)
        assert reason in "".join(lines)
        assert not any("▀" in line for line in lines)

    def test_it_does_not_unpack_gigabytes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def load(folder: Path, on_progress: object) -> None:
            assert callable(on_progress)
            on_progress(0, 480_000)
            raise AssertionError("it went on")

        altered(monkeypatch, "shapes3d", prepare=load)
        line = preview("shapes3d", str(tmp_path), 80)
        assert line.plain == "The images are not unpacked yet: --picture FILE.png does that."


class TestCheck:
    def test_files_of_the_right_size_that_are_others(self, say: Say, tmp_path: Path) -> None:
        put_files(tmp_path, "mnist")
        said = say("data", "check", "mnist", "--data-dir", tmp_path)
        assert said.code == 1
        assert said.out.count("its MD5 is") == 4
        assert said.err.startswith("vaebench: 4 files are missing or not whole.")
        assert said.err.count("\n") == 1

    def test_without_a_name_what_is_not_here_is_no_fault(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "--data-dir", tmp_path)
        assert (said.code, said.err) == (0, "")
        assert "drawn from formulas" in said.out
        assert "mnist            not here" in said.out

    def test_with_a_name_it_is(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "fashion-mnist", "--data-dir", tmp_path)
        assert said.code == 1
        assert said.out.count("is missing") == 4

    def test_whole_files(self, say: Say) -> None:
        folder = Path(__file__).resolve().parents[3] / "shared" / "data"
        if not COLLECTIONS["fashion-mnist"].folder(folder).is_dir():
            pytest.skip(f"Fashion-MNIST is not in {folder}")
        said = say("data", "check", "fashion-mnist", "--data-dir", folder)
        assert (said.code, said.err) == (0, "")
        assert said.out.count("is whole") == 4

    def test_own_images_are_not_downloaded(self, say: Say, tmp_path: Path) -> None:
        path = own_images(tmp_path)
        assert say("data", "check", f"npz:{path}").code == 0
        os.truncate(path, 100)
        (tmp_path / "photos").mkdir()
        for name in (f"npz:{path}", f"folder:{tmp_path / 'photos'}"):
            said = say("data", "check", name)
            assert said.code == 1
            assert said.err.startswith(f"vaebench: {name} is missing or not whole.")
            assert said.err.count("\n") == 1
            assert "save it again" in said.err
            assert "download" not in said.err

    def test_an_unknown_name(self, say: Say, tmp_path: Path) -> None:
        said = say("data", "check", "fashion_mnist", "--data-dir", tmp_path)
        assert said.code == 2
        assert "Did you mean 'fashion-mnist'?" in said.err


class TestDownload:
    def test_it_says_where_the_files_are(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def download(name: str, data_dir: str, on_event: object) -> list[FileCheck]:
            assert callable(on_event)
            on_event(DownloadEvent(name, "removed", tmp_path / "old"))
            on_event(DownloadEvent(name, "started", tmp_path / "raw"))
            for done in (0, 5_000_000, 9_000_000):
                on_event(DownloadEvent(name, "progress", tmp_path / "a.gz", done, 9_000_000))
            on_event(DownloadEvent(name, "unpacking", tmp_path / "a.gz", 7))
            on_event(DownloadEvent(name, "preparing", tmp_path, 10, 20))
            on_event(DownloadEvent(name, "done", tmp_path / "raw"))
            assert data_dir == str(tmp_path)
            return [FileCheck(tmp_path / "raw" / "images", None)]

        monkeypatch.setattr(downloads, "download", download)
        said = say("data", "download", "mnist", "--data-dir", tmp_path)
        assert said.code == 0
        assert said.out == f"mnist is here and whole: {tmp_path / 'raw'}\n"
        assert said.err.splitlines() == [
            f"Removed a damaged file: {tmp_path / 'old'}",
            "Downloading a.gz",
            "Unpacking a.gz",
            "Preparing mnist",
        ]

    def test_bars_on_a_terminal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        archive = tmp_path / "cars.tar.gz"
        with Bars() as bars:
            bars.show(DownloadEvent("cars3d", "progress", archive, 30_000_000, 300_000_000))
            bars.show(DownloadEvent("cars3d", "progress", archive, 90_000_000, 300_000_000))
            bars.show(DownloadEvent("cars3d", "unpacking", archive, 30_000_000, 300_000_000))
            bars.show(DownloadEvent("celeba", "unpacking", tmp_path / "a.zip", 100, 202_599))
            bars.show(DownloadEvent("celeba", "preparing", tmp_path, 256, 202_599))
            bars.show(DownloadEvent("scream_dsprites", "progress", tmp_path / "a.jpg", 123_456))
            rows = [(task.description, task.fields["amount"]) for task in bars.tasks]
            assert bars.tasks[0].percentage == 30
        assert rows == [
            ("Downloading cars.tar.gz", "90 of 300 MB"),
            ("Unpacking cars.tar.gz", "30 of 300 MB"),
            ("Unpacking a.zip", "100 of 202,599 images"),
            ("Preparing celeba", "256 of 202,599 images"),
            ("Downloading a.jpg", "0.1 MB"),
        ]

    def test_a_real_one(self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")
        Image.new("RGB", (100, 90), (90, 60, 30)).save(tmp_path / "made.jpg")
        content = (tmp_path / "made.jpg").read_bytes()
        with serving(Site({"/scream.jpg": content})) as address:
            picture = find_dataset("scream_dsprites").files[0]
            remote = replace(picture, urls=(f"{address}/scream.jpg",))
            altered(monkeypatch, "scream_dsprites", files=(remote,))
            said = say("data", "download", "scream_dsprites", "--data-dir", tmp_path)
        assert (said.code, said.err) == (0, "Downloading scream.jpg\n")
        assert said.out == f"scream_dsprites is here and whole: {tmp_path / 'scream'}\n"
        assert (tmp_path / "scream" / "scream.jpg").read_bytes() == content
        found = facts(say("data", "show", "scream_dsprites", "--data-dir", tmp_path).out)
        assert found["here"] == f"yes, {tmp_path / 'scream'}"

    def test_without_a_network_it_is_one_line(
        self, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: object) -> None:
            raise DataError("No route to host.")

        monkeypatch.setattr(downloads, "fetch", fail)
        said = say("data", "download", "mnist", "--data-dir", tmp_path)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("vaebench: mnist: No route to host.")
        assert said.err.count("\n") == 1

    def test_a_data_folder_that_is_a_file(self, say: Say, tmp_path: Path) -> None:
        path = own_images(tmp_path)
        for place in (path, path / "below"):
            said = say("data", "download", "mnist", "--data-dir", place)
            assert (said.code, said.out) == (1, "")
            assert said.err == (
                f"vaebench: {path} is a file, not a folder. Choose another --data-dir.\n"
            )

    @pytest.mark.parametrize(
        ("name", "message"),
        [("npz:mine.npz", "nothing to download"), ("mnits", "Did you mean 'mnist'?")],
    )
    def test_what_cannot_be_downloaded(
        self, say: Say, tmp_path: Path, name: str, message: str
    ) -> None:
        said = say("data", "download", name, "--data-dir", tmp_path)
        assert said.code == 2
        assert message in said.err
