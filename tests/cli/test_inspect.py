"""What `status`, `runs`, `show`, `diff`, `retry` and `export` say of a database."""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import io
import json
import math
import os
import platform
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import COMMAND, Say, specs
from vaebench.cli.export import FORMATS, to_json
from vaebench.cli.status import outlook, prefix_length
from vaebench.cli.tables import figure, sparkline
from vaebench.forecast import TimeLeft
from vaebench.outcome import JobOutcome, Score
from vaebench.store import JobRow, Reader, Store

SPECS = specs()
DONE, OTHER, FAILED, LIVE, STALE, WAITING = SPECS


def on_terminal(width: int, *words: str, **environment: str) -> list[str]:
    """Runs a command on a real terminal of so many columns; returns the lines it shows."""
    settings = {**os.environ, "TERM": "xterm", **environment}
    settings.pop("COLUMNS", None)
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        os.execve(sys.executable, [sys.executable, "-m", "vaebench", *words], settings)
    content = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        content += part
    os.close(terminal)
    os.waitpid(pid, 0)
    return content.decode().replace("\r", "").splitlines()


class TestStatus:
    def test_it_says_what_there_is(self, say: Say, database: Path) -> None:
        said = say("status", "--db", database)
        assert (said.code, said.err) == (0, "")
        lines = said.out.splitlines()
        assert lines[0] == f"{database}: 6 jobs, 1 PENDING, 2 RUNNING, 2 COMPLETE, 1 FAILED"
        live = next(line for line in lines if line.strip().startswith(LIVE.key[:8]))
        assert "training" in live
        assert "40/100" in live
        assert "40 %" in live
        assert "stale" not in live
        stale = next(line for line in lines if line.strip().startswith(STALE.key[:8]))
        assert stale.endswith(", stale")
        assert f"  speed      {1 / 0.1:.1f} steps/s by 1 training" in lines
        assert f"{FAILED.label}: The loss became NaN at step 7 of 100: lower --lr." in said.out
        assert f"vaebench show {FAILED.key[:8]}" in said.out
        assert f"  command  {COMMAND}" in lines

    def test_nothing_is_promised_while_nothing_is_known(self, say: Say, tmp_path: Path) -> None:
        path = tmp_path / "results.db"
        with Store(path) as store:
            sweep = store.add_sweep(SPECS, COMMAND).sweep_id
            assert "unknown yet" in say("status", "--db", path).out
            store.claim(sweep)
            said = say("status", "--db", path).out
            assert "speed      unknown yet" in said
            assert "time left  unknown yet" in said

    def test_an_empty_database(self, say: Say, tmp_path: Path) -> None:
        Store(tmp_path / "results.db").close()
        said = say("status", "--db", tmp_path / "results.db")
        assert said == (0, f"{tmp_path / 'results.db'}: 0 jobs\n", "")

    def test_all_done_has_no_time_left(self, say: Say, database: Path) -> None:
        with Store(database) as store, store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE jobs SET state = 'COMPLETE'")
        said = say("status", "--db", database)
        assert "To do" not in said.out
        assert "Running" not in said.out

    def test_watch_wants_a_terminal(self, say: Say, database: Path) -> None:
        said = say("status", "--watch", "--db", database)
        assert said.code == 2
        assert "--watch needs a terminal" in said.err

    def test_the_database_can_be_named_by_the_environment(
        self, say: Say, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAEBENCH_DB", str(database))
        assert say("status").out.startswith(f"{database}: 6 jobs")


class TestOutlook:
    def rows(self, database: Path) -> dict[str, JobRow]:
        with Reader.open(database) as reader:
            return {row.key: row for row in reader.jobs()}

    def test_time_left_is_work_left_over_those_who_work(self, database: Path) -> None:
        rows = self.rows(database)
        # Left: 60 steps of 0.1 s and an evaluation of 2 s, then, one after the other, two whole
        # jobs (the stale one and the waiting one) of 100 steps at 0.1 s and 2 s each.
        plan = outlook(rows.values())
        assert (plan.jobs, plan.running, plan.training) == (3, 1, 1)
        assert plan.steps_per_second == pytest.approx(10)
        assert plan.left is not None
        assert plan.left.low == plan.left.high == pytest.approx(60 * 0.1 + 2 + 2 * 12)
        second = dataclasses.replace(rows[STALE.key], abandoned=False, step=0, step_seconds=0.1)
        both = outlook({**rows, STALE.key: second}.values())
        # Lanes end after 8 and 12 s; the waiting job starts where the first ends.
        assert both.left is not None
        assert both.left.low == both.left.high == pytest.approx(8 + 12)

    def test_finished_jobs_alone_are_enough(self, database: Path) -> None:
        rows = self.rows(database)
        plan = outlook([rows[DONE.key], rows[WAITING.key]])
        assert (plan.running, plan.steps_per_second) == (0, None)
        assert plan.left == TimeLeft(pytest.approx(12), pytest.approx(12))


class TestRuns:
    def keys(self, say: Say, database: Path, *words: str) -> list[str]:
        said = say("runs", "--db", database, "--format", "json", *words)
        assert said.code == 0, said.err
        return [record["job_key"] for record in json.loads(said.out)]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("", SPECS),
            ("--model cvae", SPECS[:4]),
            ("--model annealedvae", SPECS[4:]),
            ("--model cvae,betavae_b --seed 1", [OTHER, LIVE, WAITING]),
            ("--state failed", [FAILED]),
            ("--state complete,Pending", [DONE, OTHER, WAITING]),
            ("--strength 0.5", [DONE, OTHER]),
            ("--strength 25", [STALE, WAITING]),
            ("--beta 3,25", [FAILED, LIVE]),
            ("--dataset dsprites --limit 2", SPECS[:2]),
            ("--sort -mig", [OTHER, DONE, *SPECS[2:]]),
            ("--sort -mig --limit 1", [OTHER]),
            ("--sort mig", SPECS),
            ("--sort recon --state complete", [DONE, OTHER]),
        ],
    )
    def test_filters(self, say: Say, database: Path, words: str, expected: list[object]) -> None:
        found = self.keys(say, database, *words.split())
        assert found == [spec.key for spec in expected]  # type: ignore[attr-defined]

    def test_what_no_run_has_is_not_sorted_by_in_silence(self, say: Say, database: Path) -> None:
        said = say("runs", "--db", database, "--sort", "-mig_label")
        assert said.code == 0
        assert said.err == (
            "Not sorted: no run listed has a value of mig_label. They have: reconstruction, kl, "
            "mig.\n"
        )
        said = say("runs", "--db", database, "--state", "pending", "--sort", "mig")
        assert said.err == (
            "Not sorted: no run listed has a value of mig. None of them has a score yet.\n"
        )

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--model cvea", "Did you mean 'cvae'?"),
            ("--state done", "Unknown state 'done'. Known: pending, running, complete, failed."),
            ("--dataset dsprite", "Did you mean 'dsprites'?"),
            ("--seed one", "'one'"),
            ("--strength nan", "'nan'"),
            ("--sort mgi", "Did you mean 'mig'?"),
            ("--format xml", "Unknown format 'xml'"),
        ],
    )
    def test_wrong_filters(self, say: Say, database: Path, words: str, message: str) -> None:
        said = say("runs", "--db", database, *words.split())
        assert (said.code, said.out) == (2, "")
        assert message in said.err
        assert said.err.count("\n") == 1

    def test_the_plain_table_is_whole(self, say: Say, database: Path) -> None:
        said = say("runs", "--db", database)
        lines = said.out.splitlines()
        assert said.err == ""
        assert lines[0].split()[:6] == ["key", "dataset", "model", "strength", "seed", "state"]
        assert lines[0].split()[-1] == "wall"
        assert len(lines) == 7
        assert lines[1].split()[:9] == [
            DONE.key[:8], "dsprites", "cvae", "beta=0.5", "0", "COMPLETE", "100", "40.10", "12.50",
        ]  # fmt: skip
        assert lines[1].endswith("12 s")
        assert lines[5].split()[3] == "c_max=25"
        assert "\x1b" not in said.out

    def test_folds_have_a_column_where_there_are_any(self, say: Say, database: Path) -> None:
        assert "fold" not in say("runs", "--db", database).out.splitlines()[0].split()
        with Store(database) as store:
            store.add_sweep([dataclasses.replace(DONE, folds=3, fold=k) for k in range(3)], "")
        lines = [line.split() for line in say("runs", "--db", database).out.splitlines()]
        assert lines[0][4:6] == ["seed", "fold"]
        assert [line[5] for line in lines[1:]] == ["-"] * 6 + ["0", "1", "2"]
        shown = on_terminal(60, "runs", "--db", str(database), NO_COLOR="1")
        rows = [line.split() for line in shown if "PENDING" in line]
        assert [row[4] for row in rows] == ["-", "0", "1", "2"]

    def test_csv_has_every_column(self, say: Say, database: Path) -> None:
        said = say("runs", "--db", database, "--format", "csv", "--sort", "-mig")
        lines = list(csv.DictReader(io.StringIO(said.out)))
        assert [line["job_key"] for line in lines][:2] == [OTHER.key, DONE.key]
        assert lines[0]["mig"] == "0.2"
        assert lines[0]["wall_seconds"] == "12.0"
        failed = next(line for line in lines if line["state"] == "FAILED")
        assert failed["error"] == "The loss became NaN at step 7 of 100: lower --lr."
        assert failed["mig"] == ""
        assert failed["beta"] == "3.0"

    def test_no_run_matches(self, say: Say, database: Path) -> None:
        said = say("runs", "--db", database, "--seed", "77")
        assert (said.code, said.err) == (0, "No run matches.\n")
        assert say("runs", "--db", database, "--seed", "77", "--format", "json").out == "[]\n"

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_a_terminal_gets_what_it_has_room_for(self, database: Path, width: int) -> None:
        shown = on_terminal(width, "runs", "--db", str(database), NO_COLOR="1")
        lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in shown]
        rows = [line for line in lines if re.match("[0-9a-f]{8} ", line)]
        assert len(rows) == 6
        assert max(map(len, lines)) <= width
        for row, spec in zip(rows, SPECS, strict=True):
            assert row.split()[:3] == [spec.key[:8], spec.model, f"{spec.strength_name}="
                                       f"{spec.strength:g}"]  # fmt: skip
        if width < 70:
            assert any("No room for" in line for line in lines)
        else:
            assert "0.200" in rows[1]

    def test_colour_on_a_terminal_unless_unwanted(self, database: Path) -> None:
        assert any("\x1b[32m" in line for line in on_terminal(90, "runs", "--db", str(database)))
        plain = on_terminal(90, "runs", "--db", str(database), NO_COLOR="1")
        assert not any("\x1b[3" in line for line in plain)


class TestShow:
    def test_a_finished_run(self, say: Say, database: Path) -> None:
        said = say("show", DONE.key[:6], "--db", database)
        assert said.code == 0
        for text in (
            "cvae beta=0.5 seed 0 on dsprites  COMPLETE",
            DONE.key,
            "learning_rate    0.001",
            "versions.torch  2.11",
            "40.1",
            "39.0 to 42.0",
            "The data set has factors.",
            "99.50 to 50.00",
            "█",
            "2 × 3 tiles, 2 kB",
        ):
            assert text in said.out, text

    def test_a_narrow_interval_is_not_rounded_away(self, say: Say, tmp_path: Path) -> None:
        with Store(tmp_path / "results.db") as store:
            claim = store.claim(store.add_sweep([DONE], COMMAND).sweep_id)
            assert claim is not None
            narrow = Score("mig", 0.000515596, 10_000, 0.000501, 0.000529)
            store.complete(claim, JobOutcome(DONE.key, "complete", scores=(narrow,)))
        said = say("show", DONE.key, "--db", tmp_path / "results.db").out
        line = next(line for line in said.splitlines() if line.strip().startswith("mig"))
        assert line.split() == ["mig", "0.000516", "0.000501", "to", "0.000529", "10000"]
        row = say("runs", "--db", tmp_path / "results.db").out.splitlines()[1]
        assert "0.00052" in row.split()

    def test_a_failed_run_with_its_traceback(self, say: Say, database: Path) -> None:
        said = say("show", FAILED.key, "--db", database)
        assert said.code == 0
        assert "DivergedError: NaN at step 7" in said.out.splitlines()
        assert '  File "x.py", line 3' in said.out.splitlines()

    def test_a_stale_run(self, say: Say, database: Path) -> None:
        assert "nobody runs it any more" in say("show", STALE.key, "--db", database).out
        said = say("show", LIVE.key, "--db", database).out
        assert f"  host      {platform.node()}\n" in said

    def test_json_has_everything(self, say: Say, database: Path) -> None:
        record = json.loads(say("show", DONE.key, "--json", "--db", database).out)
        assert record["spec"] == DONE.to_dict()
        assert record["scores"][0]["name"] == "kl"
        assert record["curve"][-1] == {"step": 100, "loss": 50.0, "reconstruction": 40.0, "kl": 5.0}
        assert record["artifacts"][0]["bytes"] == 2000
        assert record["environment"]["versions"] == {"torch": "2.11"}
        assert record["train_seconds"] == 10.0

    @pytest.mark.parametrize("key", ["zz", "0000000000", ""])
    def test_no_match(self, say: Say, database: Path, key: str) -> None:
        said = say("show", key, "--db", database)
        assert (said.code, said.out) == (1, "")
        assert "has a key that begins with" in said.err
        assert said.err.count("\n") == 1

    def test_two_matches(self, say: Say, tmp_path: Path) -> None:
        many = [dataclasses.replace(DONE, seed=seed) for seed in range(17)]
        with Store(tmp_path / "results.db") as store:
            store.add_sweep(many, COMMAND)
        firsts = [spec.key[0] for spec in many]
        double = next(first for first in firsts if firsts.count(first) > 1)
        said = say("show", double, "--db", tmp_path / "results.db")
        assert said.code == 1
        assert "matches more than one run" in said.err


class TestDiff:
    def test_only_what_differs(self, say: Say, database: Path) -> None:
        said = say("diff", DONE.key, OTHER.key[:8], "--db", database)
        assert (said.code, said.err) == (0, "")
        lines = [line.split() for line in said.out.splitlines()]
        assert lines == [
            [DONE.key[:8], OTHER.key[:8], "difference"],
            ["seed", "0", "1"],
            ["versions.torch", "2.11", "2.12"],
            ["mig", "0.1", "0.2", "+0.1"],
            ["reconstruction", "40.1", "40.2", "+0.1"],
        ]

    def test_a_run_without_scores(self, say: Say, database: Path) -> None:
        said = say("diff", DONE.key, FAILED.key, "--db", database)
        assert said.code == 0
        assert "parameters.beta" in said.out
        assert "mig" not in said.out
        assert said.err == f"{FAILED.key[:8]} is FAILED and has no scores to compare.\n"

    def test_a_run_with_itself(self, say: Say, database: Path) -> None:
        said = say("diff", DONE.key, DONE.key[:9], "--db", database)
        assert said.code == 2
        assert "the same run" in said.err


class TestRetry:
    def test_a_failed_run_is_pending_again(self, say: Say, database: Path) -> None:
        said = say("retry", FAILED.key[:8], "--db", database)
        again = f"{COMMAND} --db {database}\n"
        assert said == (0, again, "1 job is pending again. To train:\n")
        with Reader.open(database) as reader:
            assert reader.states()[FAILED.key] == "PENDING"

    def test_all(self, say: Say, database: Path) -> None:
        assert say("retry", "--all", "--db", database).code == 0
        said = say("retry", "--all", "--db", database)
        assert said == (0, "", "No run has failed: there is nothing to retry.\n")

    def test_one_that_has_not_failed_changes_nothing(self, say: Say, database: Path) -> None:
        said = say("retry", FAILED.key, DONE.key, "--db", database)
        assert said.code == 1
        assert f"Run {DONE.key} is COMPLETE, not FAILED" in said.err
        with Reader.open(database) as reader:
            assert reader.states()[FAILED.key] == "FAILED"

    @pytest.mark.parametrize("words", [[], [FAILED.key, "--all"]])
    def test_it_wants_keys_or_all(self, say: Say, database: Path, words: list[str]) -> None:
        said = say("retry", *words, "--db", database)
        assert said.code == 2
        assert "--all" in said.err


class TestExport:
    @pytest.mark.parametrize(
        ("table", "rows"), [("results", 2), ("scores", 8), ("curves", 6), ("jobs", 6)]
    )
    def test_the_three_formats_say_the_same(
        self, say: Say, database: Path, tmp_path: Path, table: str, rows: int
    ) -> None:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        options = ("--table", table, "--db", database)
        text = say("export", *options).out
        records = json.loads(say("export", "--format", "json", *options).out)
        out = tmp_path / "new" / "table.parquet"
        said = say("export", "--format", "parquet", "--out", out, *options)
        assert said.err == f"{out}: {rows} rows of {table}.\n"
        frame, parquet = pd.read_csv(io.StringIO(text)), pd.read_parquet(out)
        assert len(frame) == len(records) == len(parquet) == rows
        assert list(frame.columns) == list(records[0]) == list(parquet.columns)
        assert set(frame["job_key"]) <= {spec.key for spec in SPECS}
        for name in frame.columns:
            plain = [None if pd.isna(value) else value for value in parquet[name]]
            assert plain == [record[name] for record in records], name

    def test_an_empty_table_keeps_columns_and_types(self, say: Say, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        path, out = tmp_path / "results.db", tmp_path / "empty.parquet"
        Store(path).close()
        assert say("export", "--db", path).out.startswith("job_key,training_key,cell,setting,")
        assert say("export", "--db", path, "--format", "json").out == "[]\n"
        say("export", "--db", path, "--format", "parquet", "--out", out)
        frame = pd.read_parquet(out)
        assert frame["mig"].dtype == float
        assert frame["seed"].dtype == int

    def test_a_file_is_written_whole_or_not_at_all(
        self, say: Say, database: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "results.csv"
        for form in (*FORMATS, "csv"):  # each replaces the one before
            assert say("export", "--db", database, "--out", out, "--format", form).code == 0
        assert len(pd.read_csv(out)) == 2
        (tmp_path / "file").write_text("text")
        said = say("export", "--db", database, "--out", tmp_path / "file" / "results.csv")
        assert said.code == 1
        assert "cannot be written" in said.err
        said = say("export", "--db", database, "--out", tmp_path)
        assert said.code == 1
        assert {path.name for path in tmp_path.iterdir()} == {"results.db", "results.csv", "file"}

    def test_a_file_that_is_no_earlier_export_stays(
        self, say: Say, database: Path, tmp_path: Path
    ) -> None:
        """As `--out` named the database in use, its journal, a user's text, a link to any."""
        (tmp_path / "thesis.tex").write_text("my thesis")
        (tmp_path / "latest.csv").symlink_to(tmp_path / "thesis.tex")
        (tmp_path / "alias.db").symlink_to(database)
        (tmp_path / "second.db").hardlink_to(database)
        (tmp_path / "nowhere.csv").symlink_to(tmp_path / "to.csv")
        before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.exists()}
        for name, why in (
            ("results.db", "is a SQLite database"),
            ("second.db", "is a SQLite database"),
            ("results.db-journal", "keeps the journal"),
            ("thesis.tex", "was not made by this command"),
            ("latest.csv", "is a symbolic link"),
            ("alias.db", "is a symbolic link"),
            ("nowhere.csv", "is a symbolic link"),
        ):
            for form in FORMATS:
                out = tmp_path / name
                said = say("export", "--db", database, "--out", out, "--format", form)
                assert (said.code, said.out) == (1, ""), name
                assert said.err.startswith(f"vaebench: {out} ")
                assert why in said.err
        after = {path: path.read_bytes() for path in tmp_path.iterdir() if path.exists()}
        assert after == before
        assert say("export", "--db", database, "--out", "/").code == 1

    def test_parquet_wants_a_file(self, say: Say, database: Path) -> None:
        said = say("export", "--format", "parquet", "--db", database)
        assert said.code == 2
        assert "--out" in said.err

    def test_without_pyarrow_it_says_what_to_do(
        self, say: Say, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        said = say("export", "--format", "parquet", "--out", tmp_path / "x", "--db", database)
        assert said.code == 1
        assert "pip install pyarrow" in said.err
        assert not (tmp_path / "x").exists()

    @pytest.mark.parametrize(
        "words", [["--format", "xlsx"], ["--table", "result"], ["--table", "artifacts"]]
    )
    def test_wrong_words(self, say: Say, database: Path, words: list[str]) -> None:
        said = say("export", *words, "--db", database)
        assert said.code == 2
        assert "Unknown" in said.err

    def test_json_has_no_nan(self) -> None:
        text = to_json([{"a": math.nan, "b": {"c": [math.inf, 1.5]}}])
        assert json.loads(text) == [{"a": None, "b": {"c": [None, 1.5]}}]


class TestWriting:
    def test_figures(self) -> None:
        values = (None, 0.12345, -9.9999, 41.987, 1234.5, math.inf)
        assert [figure(value) for value in values] == [
            "-", "0.123", "-10.000", "41.99", "1234.50", "inf",
        ]  # fmt: skip

    def test_sparklines(self) -> None:
        assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
        assert sparkline([7, 0]) == "█▁"
        assert sparkline([2, 2, 2]) == "▁▁▁"
        assert sparkline([]) == ""
        assert sparkline([1, math.nan, 2]) == "▁ █"
        assert sparkline([math.nan]) == " "
        assert len(sparkline(list(range(1000)))) == 40

    def test_prefixes_tell_all_keys_apart(self) -> None:
        assert prefix_length([]) == 8
        assert prefix_length(["a" * 16, "b" * 16]) == 8
        assert prefix_length(["a" * 16, "a" * 10 + "b" * 6]) == 11
