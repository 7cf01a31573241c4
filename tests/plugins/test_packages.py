"""Packages by their entry points: what is taken, what is left out and why, and their versions."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.conftest import source
from vaebench import plugins
from vaebench.errors import PluginWarning, UsageError
from vaebench.models import find_model, known_model, model_names
from vaebench.plugging import use_plugins

Installed = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Puts a module and its distribution where Python looks, without pip."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)

    def call(name: str, code: str, entries: str, version: str = "1.0") -> None:
        module = name.replace("-", "_")
        (place / f"{module}.py").write_text(code)
        info = place / f"{module}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entries.replace("MODULE", module))
        monkeypatch.delitem(sys.modules, module, raising=False)
        importlib.invalidate_caches()
        monkeypatch.setattr(plugins, "_installed", None)

    return call


MODEL = "[vaebench.models]\nfreebits = MODULE:FREE_BITS\n"


def loaded() -> tuple[list[str], list[str]]:
    """Returns names of the plug-ins at hand, and what is said of the others."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", PluginWarning)
        names = [plugin.name for plugin in plugins.loaded()]
        model_names()
    return names, [str(one.message) for one in said]


def test_a_package_is_read_when_it_is_needed(install: Installed) -> None:
    install("blobs-one", source("free_bits"), MODEL)
    assert find_model("vae").name == "vae"
    assert "blobs_one" not in sys.modules
    assert find_model("freebits").title == "Free bits"
    assert "blobs_one" in sys.modules
    assert plugins.loaded()[0].source == "blobs-one 1.0"


def test_its_version_is_that_of_its_code_too(install: Installed) -> None:
    install("blobs-one", source("free_bits"), MODEL)
    before = plugins.loaded()[0].version
    install("blobs-one", source("free_bits"), MODEL)
    assert plugins.loaded()[0].version == before
    install("blobs-one", source("free_bits") + "# changed\n", MODEL)
    assert plugins.loaded()[0].version != before
    assert plugins.loaded()[0].version.startswith("1.0 ")


@pytest.mark.parametrize(
    ("code", "entries", "said"),
    [
        ("1 / 0", MODEL, "blobs_two:FREE_BITS cannot be imported: ZeroDivisionError: division"),
        ("FREE_BITS = 3", MODEL, "it declares a int, which is no Model"),
        ("", "[vaebench.scores]\nx = no reference\n", "no reference cannot be imported"),
        (source("free_bits"), MODEL.replace("models", "scores"), "is a model, and stands under"),
        (source("free_bits"), MODEL, "its model 'freebits' has the name of one of blobs-one 1.0"),
    ],
)
def test_one_that_cannot_be_used_is_said_and_the_others_are_there(
    code: str, entries: str, said: str, install: Installed
) -> None:
    install("blobs-one", source("free_bits"), MODEL)
    install("blobs-two", code, entries)
    names, lines = loaded()
    assert names == ["blobs-one"]
    assert len(lines) == 1
    assert lines[0].startswith("Plug-in blobs-two 1.0 is not used: ")
    assert said in lines[0]
    assert lines[0].endswith("Mend it, or remove it: pip uninstall blobs-two.")
    assert known_model("freebits") is not None


def test_a_name_of_our_own_is_left_out_and_the_rest_is_there(install: Installed) -> None:
    taken = source("free_bits", "participation").replace('name="freebits"', 'name="vae"')
    install("blobs-one", taken, MODEL + "[vaebench.scores]\nx = MODULE:PARTICIPATION\n")
    names, lines = loaded()
    assert names == ["blobs-one"]
    assert lines == ["Model 'vae' of blobs-one 1.0 is not added: vaebench has one of that name. "
                     "Its authors must rename it."]  # fmt: skip
    assert find_model("vae").title == "VAE"


def test_a_file_of_the_same_names_is_refused(install: Installed, blobs: Path) -> None:
    install("blobs-one", source("free_bits"), MODEL)
    with pytest.raises(UsageError, match=r"its model 'freebits' has the name of one of blobs-one"):
        use_plugins(blobs)
    assert plugins.named() == ()
