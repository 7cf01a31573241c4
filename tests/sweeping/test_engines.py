"""What `--executor` and `--address` take, and that each engine trains the same figures."""

from __future__ import annotations

import pytest

from tests.conftest import CommandLine
from vaebench.errors import UsageError
from vaebench.sweeping.running import Place


def test_a_wrong_name_says_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"Unknown executor 'proceses'. Known: processes, inline"):
        Place(executor="proceses")


def test_an_address_is_of_a_cluster() -> None:
    with pytest.raises(UsageError, match=r"--address head:6379 .* --executor ray"):
        Place(address="head:6379")


def test_both_commands_have_the_option(cli: CommandLine) -> None:
    asked = "sweep --models vae --network mlp --seeds 1 --steps 3 --eval-size 10".split()
    wrong = cli.run(*asked, "--executor", "threads", code=2)
    assert wrong.stderr.startswith("vaebench: Unknown executor 'threads'. Known: processes,")
    assert wrong.stderr.count("\n") == 1
    assert list(cli.folder.iterdir()) == []
    cli.run(*asked, "--executor", "inline")
    assert cli.run("work", "--executor", "threads", code=2).stderr == wrong.stderr
