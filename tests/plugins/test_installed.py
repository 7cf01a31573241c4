"""The example as a package in an environment of its own: listed, swept, killed, upgraded."""

from __future__ import annotations

import importlib.util
import shutil
import site
import subprocess
import venv
from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.plugins.conftest import EXAMPLE
from tests.plugins.test_processes import STEPS, SWEEP, killed_and_resumed, report_of

ROOT = Path(__file__).parents[2]
NEEDED = [name for name in ("pip", "setuptools") if importlib.util.find_spec(name) is None]


class Environment(CommandLine):
    """A virtual environment that has what this one has, and the example."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        venv.create(folder / "env", symlinks=True)
        self.python = folder / "env" / "bin" / "python"
        (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
        self.packages: Path = packages
        (packages / "shared.pth").write_text("\n".join([str(ROOT), *site.getsitepackages()]))
        shutil.copytree(EXAMPLE, folder / "example")
        self.environment |= {"XDG_STATE_HOME": str(folder / "state")}
        self.environment.pop("PYTHONPATH", None)

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python), "-m", "vaebench", *arguments]

    def install(self) -> None:
        words = "-m pip install --quiet --no-deps --no-build-isolation --no-index ./example"
        done = subprocess.run(
            [self.python, *words.split()],
            cwd=self.folder,
            env={**self.environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(bool(NEEDED), reason=f"needs {', '.join(NEEDED)}")
def test_an_installed_package_is_as_if_built_in(tmp_path: Path) -> None:
    env = Environment(tmp_path)
    assert "freebits" not in env.run("models").stdout
    env.install()
    (model,) = (line for line in env.run("models").stdout.splitlines() if "freebits" in line)
    assert model.split()[0] == "freebits"
    assert model.endswith("vaebench-blobs 1.0")
    words = [*SWEEP, STEPS]
    killed_and_resumed(env, words, words)
    assert "Free bits" in report_of(env)

    _break_another(env)
    status = env.run("status")
    assert "1 job, 1 COMPLETE" in status.stdout
    (line,) = status.stderr.splitlines()
    assert line.startswith("vaebench: Plug-in vaebench-broken 0.1 is not used: nowhere:THING")

    project = env.folder / "example" / "pyproject.toml"
    project.write_text(project.read_text().replace('"1.0"', '"1.1"'))
    env.install()
    said = env.run("status").stdout
    assert "1 of 1 finished run was made by other code of vaebench or of the plug-in" in said
    assert "vaebench-blobs" in said


def _break_another(env: Environment) -> None:
    """Installs a package whose entry point names a module that is not there."""
    info = env.packages / "vaebench_broken-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vaebench-broken\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[vaebench.models]\nthing = nowhere:THING\n")
