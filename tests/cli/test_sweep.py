"""`vaebench sweep`: what lists mean, what a dry run shows, and what is refused in one line."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.asked import jobs_of
from tests.cli.conftest import Said, Say
from tests.store.conftest import postgres  # noqa: F401 - a fixture
from vaebench import lists
from vaebench.errors import UsageError
from vaebench.spec import Setting
from vaebench.store import Reader

FASHION = "FashionMNIST/raw"


class TestParsing:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("5", (0, 1, 2, 3, 4)),
            ("0,3,7", (0, 3, 7)),
            ("0-3", (0, 1, 2, 3)),
            ("7,", (7,)),
            ("2-4, 9,3", (2, 3, 4, 9)),
        ],
    )
    def test_seeds(self, text: str, expected: tuple[int, ...]) -> None:
        assert lists.seeds(text) == expected

    @pytest.mark.parametrize("text", ["0", "", ",", "-1", "3-1", "a", "1.5", "1-", "0,x"])
    def test_bad_seeds(self, text: str) -> None:
        with pytest.raises(UsageError, match="--seeds"):
            lists.seeds(text)

    def test_numbers(self) -> None:
        assert lists.numbers("--betas", "0.5, 1,3,1e1,1.0") == (0.5, 1.0, 3.0, 10.0)

    @pytest.mark.parametrize("text", ["-1", "nan", "inf", "1,x", "", "1;2"])
    def test_bad_numbers_name_the_part(self, text: str) -> None:
        with pytest.raises(UsageError, match="--betas"):
            lists.numbers("--betas", text)

    def test_a_comma_in_a_path_is_written_with_a_backslash(self) -> None:
        assert lists.names(r"dsprites, npz:a\,b.npz,dsprites") == ("dsprites", "npz:a,b.npz")
        assert lists.names(lists.written(["npz:a,b.npz", "mnist"])) == ("npz:a,b.npz", "mnist")

    def test_grid(self) -> None:
        found = lists.grid(["betavae_b.c_max=5,25", "betavae_b.gamma=100", "cvae.beta=2"])
        assert found == {
            "betavae_b": {"c_max": (5.0, 25.0), "gamma": (100.0,)},
            "cvae": {"beta": (2.0,)},
        }
        with pytest.raises(UsageError, match=r"MODEL\.PARAM"):
            lists.grid(["betavae_b=3"])

    def test_numbers_of_thousands_of_digits_and_endless_lists_are_refused(self) -> None:
        many = ",".join(f"{start}-{start + 99_999}" for start in range(0, 10**7, 100_000))
        for text in ("9" * 5000, "9" * 5000 + ",", "0-" + "9" * 5000, "1" + "0" * 21, many):
            with pytest.raises(UsageError) as caught:
                lists.seeds(text)
            assert len(str(caught.value)) < 300

    def test_more_jobs_than_any_sweep_has_are_refused_before_they_are_made(self) -> None:
        betas = tuple(float(beta) for beta in range(1000))
        for folds, seeds in ((None, range(101)), (2**40, range(1))):
            setting = Setting(folds=folds)
            with pytest.raises(UsageError, match="a sweep may have 100,000"):
                jobs_of("cvae", setting=setting, betas=betas, seeds=tuple(seeds))


class TestDryRun:
    def test_lists_jobs_and_touches_nothing(self, say: Say, tmp_path: Path) -> None:
        out = tmp_path / "results"
        words = "sweep --models cvae,vae,ae --betas 0.5,1,3,10 --seeds 3 --dry-run --out".split()
        said = say(*words, out)
        assert said.code == 0
        lines = said.out.splitlines()
        assert lines[-1] == "18 jobs: 18 new."
        assert sum(line.split()[1] == "cvae" for line in lines[1:-1]) == 12
        assert "vae has no beta to sweep: it is trained once per seed." in said.err
        assert "ae has no beta to sweep" in said.err
        assert not out.exists()

    def test_epochs_are_steps_of_the_training_set(self, say: Say, tmp_path: Path) -> None:
        base = ("sweep", "--models", "vae", "--seeds", "1", "--dry-run", "--out", tmp_path)
        said = say(*base, "--epochs", "0.5")
        assert f" {math.ceil(0.5 * 737_280 / 64)} " in said.out

    def test_alias(self, say: Say, tmp_path: Path) -> None:
        said = say(
            *"sweep --models annealedvae --set annealedvae.c_max=5,10 --seeds 1".split(),
            *("--dry-run", "--out", tmp_path),
        )
        assert said.code == 0
        assert "c_max=5" in said.out
        assert "c_max=10" in said.out


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("--models betavae", "Did you mean 'betavae_h'?"),
            ("--models ,", "No model given"),
            ("--dataset dsprite", "Did you mean 'dsprites'?"),
            ("--betas -1", "--betas '-1': '-1' is not a finite number"),
            ("--betas nan", "'nan' is not a finite number"),
            ("--seeds 0", "--seeds 0: the number of seeds must be from 1"),
            ("--steps 0", "--steps is 0"),
            ("--steps 3 --epochs 1", "exclude each other"),
            ("--epochs nan", "--epochs is nan"),
            ("--batch-size 0", "--batch-size is 0"),
            ("--lr 0", "--lr is 0.0: it must be a finite number, above 0"),
            ("--latent-dim 0", "--latent-dim is 0"),
            ("--workers 0", "--workers is 0"),
            ("--retries -1", "--retries is -1"),
            ("--eval-size 3", "--eval-size is 3"),
            ("--checkpoint-every nan", "--checkpoint-every is nan"),
            ("--network unet", "Unknown network 'unet'"),
            ("--likelihood normal", "Unknown likelihood 'normal'"),
            ("--precision half", "Unknown precision 'half'"),
            ("--device tpu", "Unknown device 'tpu'"),
            ("--device cuda:99", "is not on this machine"),
            ("--set betavae_h.gamma=1", "has no parameter 'gamma'"),
            ("--set vae.beta=1", "not among --models"),
            ("--set beta=1", "MODEL.PARAM=v1,v2"),
            ("--dataset ,", "No data set given"),
            ("--study=", "Unknown study ''"),
            ("--seeds=", "--seeds '' is not understood"),
            ("--folds 0", "--folds is 0"),
            (
                "--folds 400000",
                "dsprites has 737280 images to train on, and each fold needs 2 or more",
            ),
            ("--steps 99999999999999999999", "it must be below 2^53"),
            ("--epochs 1e300", "--epochs is 1e+300"),
            ("--dci reference", "--dci reference without --scores all"),
            ("--beta 3", "No such option: --beta (Possible options: --betas"),
        ],
    )
    def test_one_line_and_code_2(self, words: str, expected: str, say: Say, tmp_path: Path) -> None:
        said = say("sweep", *words.split(), "--out", tmp_path / "results", "--dry-run")
        assert said.code == 2
        assert expected in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
        assert not (tmp_path / "results").exists()

    @pytest.mark.parametrize("network", ["locatello"])
    def test_network_of_another_size(self, network: str, say: Say, tmp_path: Path) -> None:
        from tests.data.conftest import genuine

        folder = genuine(f"{FASHION}/train-images-idx3-ubyte")
        said = say(
            *f"sweep --dataset fashion-mnist --network {network} --dry-run --data-dir".split(),
            folder,
        )
        assert said.code == 2
        assert "takes 64×64 observations, these are 28×28" in said.err

    def test_missing_data(self, say: Say, tmp_path: Path) -> None:
        said = say(*"sweep --dataset fashion-mnist --data-dir".split(), tmp_path)
        assert said.code == 1
        assert "vaebench data download fashion-mnist" in said.err
        assert said.err.count("\n") == 1

    def test_truncated_data(self, say: Say, tmp_path: Path) -> None:
        from tests.data.conftest import genuine

        source = genuine(f"{FASHION}/train-images-idx3-ubyte") / FASHION
        target = tmp_path / FASHION
        target.mkdir(parents=True)
        for file in source.iterdir():
            content = file.read_bytes()
            (target / file.name).write_bytes(content[: len(content) // 2])
        said = say(*"sweep --dataset fashion-mnist --data-dir".split(), tmp_path)
        assert said.code == 1
        assert "ubyte" in said.err
        assert said.err.count("\n") == 1

    def test_a_database_that_is_none_is_left_alone(self, say: Say, tmp_path: Path) -> None:
        file = tmp_path / "notes.db"
        file.write_text("dear diary, " * 100)
        before = file.read_bytes()
        said = say(*"sweep --models vae --seeds 1 --steps 1 --db".split(), file)
        assert said.code == 1
        assert "not a vaebench database" in said.err or "not a database" in said.err
        assert said.err.count("\n") == 1
        assert file.read_bytes() == before


def test_own_images_that_changed_are_not_mixed_with_what_was_trained(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other images under the same name are another data set; as they were, the runs are found."""
    monkeypatch.chdir(tmp_path)

    def save(seed: int) -> None:
        images = np.random.default_rng(seed).integers(0, 256, (40, 32, 32), dtype=np.uint8)
        np.savez("mine.npz", images=images)

    def train(seeds: str) -> Said:
        small = "--steps 2 --eval-size 10 --network mlp --workers 1 --models vae"
        return say("sweep", "--dataset", "npz:mine.npz", "--seeds", seeds, *small.split())

    save(0)
    assert train("1").code == 0
    save(1)
    changed = train("1")
    assert changed.code == 0
    assert "npz:mine.npz is not what finished runs of that name were trained on" in changed.err
    assert "it is another data set, npz:mine.npz#" in changed.err
    save(0)
    assert train("2").code == 0
    with Reader.open("results/results.db") as reader:
        runs = Counter(row.spec.dataset for row in reader.jobs(states=["COMPLETE"]))
    assert sorted(runs.values()) == [1, 2]


def test_a_database_server_without_tables_is_filled(
    say: Say,
    tmp_path: Path,
    postgres: str,  # noqa: F811
) -> None:
    small = "--steps 2 --eval-size 10 --network mlp --workers 1 --models vae --seeds 1"
    for _ in range(2):  # fresh, and with the run in it
        said = say("sweep", *small.split(), "--db", postgres, "--out", tmp_path / "out")
        assert said.code == 0
        assert "1 complete, 0 failed" in said.out + said.err
