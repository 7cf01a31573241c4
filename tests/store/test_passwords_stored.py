"""A PostgreSQL URL with a password: used, and found nowhere afterwards."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import sqlalchemy as sa

from tests.conftest import CommandLine
from vaebench.store import Reader, Store

SECRET = "geheimes%40 Wort"
SWEEP = "sweep --models vae --seeds 1 --steps 2 --batch-size 4 --network mlp --eval-size 10".split()


@pytest.mark.parametrize("variable", [False, True])
def test_a_sweep_stores_and_prints_no_password(
    postgres: str, cli: CommandLine, variable: bool
) -> None:
    """From `--db` as from VAEBENCH_DB, into closing lines, database, status and report."""
    name = f"secrets_{int(variable)}"
    admin = sa.create_engine(postgres)
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        connection.exec_driver_sql(f"CREATE SCHEMA {name}_empty")
    admin.dispose()
    url = postgres.replace("vaebench@", f"vaebench:{SECRET}@")
    url += f"&options=-csearch_path%3D{name}"
    words = ["--db", url]
    if variable:
        cli.environment["VAEBENCH_DB"], words = url, []
    Store(url.replace(f"path%3D{name}", f"path%3D{name}_empty")).close()
    said = [cli.run(*SWEEP, *words, "--out", "my out")]
    said += [cli.run("status", *words), cli.run("show", key_of(url), *words)]
    for command in ("runs", "runs --state failed", "export --table jobs", "retry --all"):
        said.append(cli.run(*command.split(), *words))
    said.append(cli.run("compare", url, url))
    empty = url.replace(f"path%3D{name}", f"path%3D{name}_empty")
    said += [cli.run("runs", "--db", empty), cli.run("compare", url, empty, code=2)]
    said.append(cli.run("report", *words, "--out", "page"))
    texts = [done.stdout + done.stderr for done in said]
    texts.append((cli.folder / "page" / "index.html").read_text())
    with Store(url) as store, store.engine.connect() as connection:
        texts.append(str(connection.exec_driver_sql("SELECT command FROM sweeps").all()))
    for text in texts:
        assert SECRET not in text
        assert "geheim" not in text
    closing = said[0].stderr.splitlines()
    proposed = next(line for line in closing if line.startswith("Next: ")).removeprefix("Next: ")
    assert proposed.endswith("--out 'my out/report'")
    if variable:
        assert '--db "$VAEBENCH_DB"' in proposed
        words = shlex.join(cli.command()) + " " + proposed.removeprefix("vaebench ")
        subprocess.run(["sh", "-c", words], cwd=cli.folder, env=cli.environment, check=True)
        assert (cli.folder / "my out" / "report" / "index.html").exists()
    else:
        assert "vaebench:***@" in proposed
        assert "put the URL into VAEBENCH_DB" in closing[-1]


def key_of(url: str) -> str:
    with Reader.open(url) as reader:
        return reader.jobs()[0].key
