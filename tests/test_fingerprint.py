"""Which code made a figure: by the files' content, and for old runs by what git knows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ASK = (
    "import json, sys\n"
    "from vaebench import fingerprint as f\n"
    "answers = [f.made_by_this_code(e) for e in json.loads(sys.argv[1])]\n"
    "assert 'torch' not in sys.modules\n"
    "print(json.dumps([f.code_digest(), f.training_digest(), answers]))\n"
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, to be edited."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vaebench", tmp_path / "code" / "vaebench", ignore=ignored)
    return tmp_path / "code" / "vaebench"


def ask(package: Path, *environments: dict[str, object]) -> tuple[str, str, list[bool | None]]:
    """Has a process with a copy of the package say its digests, and which runs are its own."""
    command = [sys.executable, "-B", "-c", ASK, json.dumps(environments)]
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    place = package.parent
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=True
    )
    figures, training, answers = json.loads(done.stdout)
    return figures, training, answers


def edit(file: Path) -> None:
    file.write_text(file.read_text() + "\n# changed\n")


@pytest.mark.parametrize(
    ("file", "figures", "training"),
    [
        ("models/beta_vae.py", True, True),
        ("networks/vae.py", True, True),
        ("training/loop.py", True, True),
        ("data/dsprites.py", True, True),
        ("spec.py", True, True),
        ("metrics/mig.py", True, False),
        ("evaluation/representation.py", True, False),
        ("cli/status.py", False, False),
        ("report/build.py", False, False),
        ("store/store.py", False, False),
    ],
)
def test_what_decides_figures_is_in_the_digest_and_nothing_else(
    file: str, figures: bool, training: bool, package: Path
) -> None:
    before = ask(package)
    edit(package / file)
    after = ask(package)
    assert (before[0] != after[0], before[1] != after[1]) == (figures, training)


def test_a_new_a_renamed_and_an_emptied_file_count_and_line_ends_do_not(package: Path) -> None:
    file = package / "models" / "dip_vae.py"
    plain = ask(package)[0]
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert ask(package)[0] == plain
    (package / "models" / "new.py").touch()
    added = ask(package)[0]
    (package / "models" / "new.py").rename(package / "models" / "newer.py")
    renamed = ask(package)[0]
    assert len({plain, added, renamed}) == 3


def test_a_run_is_known_by_the_digest_that_it_carries(package: Path) -> None:
    own = ask(package)[0]
    environments = [{"code": own}, {"code": "0" * 16, "git_commit": "1" * 40}, {}]
    assert ask(package, *environments)[2] == [True, False, None]


def test_a_run_of_before_there_were_digests_is_compared_where_git_knows_its_commit(
    package: Path,
) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(package.parent), *who, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    first = git("rev-parse", "HEAD")
    runs: list[dict[str, object]] = [
        {"git_commit": first, "git_dirty": 0},
        {"git_commit": first, "git_dirty": 1},
        {"git_commit": "1" * 40, "git_dirty": 0},
        {"git_commit": "--output=x", "git_dirty": 0},
    ]
    assert ask(package, *runs)[2] == [True, None, None, None]
    edit(package / "cli" / "status.py")
    git("commit", "-qam", "second")
    assert ask(package, *runs)[2] == [True, None, None, None]
    edit(package / "models" / "beta_vae.py")
    assert ask(package, *runs)[2] == [False, None, None, None]
