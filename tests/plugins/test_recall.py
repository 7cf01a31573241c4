"""Which files a database may have run: those that this user has named, as they were then."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from tests.plugins.conftest import source
from tests.training.conftest import make_spec
from vaebench import plugins
from vaebench.errors import PluginWarning
from vaebench.plugging import recall, use_plugins
from vaebench.store import Reader, Store, merge

MARKING = "\nimport pathlib\npathlib.Path(__file__).with_name('was-run').touch()\n"


@pytest.fixture
def database(blobs: Path, tmp_path: Path) -> Path:
    """A database whose sweep used the plug-in, in a process that has forgotten it."""
    use_plugins(blobs)
    with Store(tmp_path / "results.db") as store:
        store.add_sweep([make_spec("freebits", network="smallconv", dataset="blobs")], "sweep")
    return tmp_path / "results.db"


def opened(database: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """Opens it in a process that knows no plug-in; returns warnings, and models of its jobs."""
    monkeypatch.setattr(plugins, "_named", ())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", PluginWarning)
        with Reader.open(database) as reader:
            models = [row.spec.model for row in reader.jobs()]
    return [str(one.message) for one in said], models


def test_a_file_that_was_named_is_read_again(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened(database, monkeypatch) == ([], ["freebits"])


def test_a_file_that_nobody_here_has_named_is_not_run(
    database: Path, blobs: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a database from elsewhere, whose path and digest are those of a file that is here."""
    state.unlink()
    said, models = opened(database, monkeypatch)
    assert models == []
    assert len(said) == 1
    assert "is not run: you have not named it here yet" in said[0]
    assert f"--plugin {blobs}" in said[0]


def test_a_file_that_has_changed_is_not_run(
    database: Path, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.write_text(source() + MARKING)
    said, models = opened(database, monkeypatch)
    assert models == []
    assert "has changed since runs were made with it" in said[0]
    assert not blobs.with_name("was-run").exists()
    use_plugins(blobs)
    assert blobs.with_name("was-run").exists()


def test_a_file_that_is_gone_is_said(
    database: Path, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs.unlink()
    said, models = opened(database, monkeypatch)
    assert models == []
    assert len(said) == 1
    assert "is missing: name the place where it is now" in said[0]


def test_a_relative_path_is_never_run(blobs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_plugins(blobs)
    version = plugins.named()[0].version
    monkeypatch.setattr(plugins, "_named", ())
    monkeypatch.chdir(blobs.parent)
    with pytest.warns(PluginWarning, match="is missing"):
        recall([plugins.Reference("blobs.py", version, Path("blobs.py"))])
    assert plugins.named() == ()


def test_of_two_places_the_one_named_last_counts(
    database: Path, blobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = blobs.parent / "moved" / blobs.name
    moved.parent.mkdir()
    moved.write_text(source() + "# changed\n")
    monkeypatch.setattr(plugins, "_named", ())
    use_plugins(moved)
    with Store(database) as store:
        store.add_sweep([make_spec("freebits", network="smallconv", dataset="blobs")], "sweep")
    assert opened(database, monkeypatch) == ([], ["freebits"])
    assert [plugin.path for plugin in plugins.named()] == [moved]
    moved.unlink()
    assert opened(database, monkeypatch) == ([], ["freebits"])
    assert [plugin.path for plugin in plugins.named()] == [blobs]


def test_what_is_at_hand_stays(
    database: Path, blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a changed file means it: the database's older version says nothing."""
    blobs.write_text(source() + "# changed\n")
    monkeypatch.setattr(plugins, "_named", ())
    use_plugins(blobs)
    with warnings.catch_warnings():
        warnings.simplefilter("error", PluginWarning)
        with Reader.open(database) as reader:
            assert len(reader.jobs()) == 1


def test_a_merge_takes_the_plug_ins_over(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Reader.open(database) as other, Store(tmp_path / "mine.db") as mine:
        merge(mine, other)
    assert opened(tmp_path / "mine.db", monkeypatch) == ([], ["freebits"])


def test_a_damaged_or_hostile_table_makes_no_view(database: Path) -> None:
    import sqlite3

    evil = '["mig) FROM jobs; DROP TABLE jobs; --", 3, "fine"]'
    with sqlite3.connect(database) as base:
        base.execute("UPDATE plugins SET scores = ?", (evil,))
        base.execute(
            "INSERT INTO plugins (identity, name, version, scores) VALUES ('x', 'y', 'z', '[')"
        )
    with Store(database) as store:
        assert len(store.jobs()) == 1
    with sqlite3.connect(database) as base:
        columns = [row[1] for row in base.execute("PRAGMA table_info(results)")]
    assert "fine" in columns
    assert not any("DROP" in name for name in columns)


def test_a_home_that_cannot_be_written_keeps_nobody(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    use_plugins(blobs)
    assert len(plugins.named()) == 1
