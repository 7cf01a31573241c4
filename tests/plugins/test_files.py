"""Plug-in files: what they declare stands beside vaebench's own, and what is wrong is said."""

from __future__ import annotations

import dataclasses
import doctest
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.conftest import source
from vaebench import measures, plugging, plugins
from vaebench.data import DATASETS, all_datasets, find_dataset, load_dataset
from vaebench.declared import Record
from vaebench.errors import UsageError
from vaebench.metrics import METRICS, all_metrics
from vaebench.metrics.mig import MIG
from vaebench.models import MODELS, all_models, find_model, find_parameter, known_model
from vaebench.models.beta_vae import BETA_VAE
from vaebench.networks import NETWORKS, all_networks, find_network, natural_network
from vaebench.networks.mlp import MLP
from vaebench.plugging import use_plugins
from vaebench.records import MARKERS, Measure, Parameter
from vaebench.store.schema import RESULTS


def test_records_of_a_file_stand_after_our_own(blobs: Path) -> None:
    assert known_model("freebits") is None
    use_plugins(blobs)
    assert [m.name for m in all_models()] == [*(m.name for m in MODELS), "freebits"]
    assert [n.name for n in all_networks()] == [*(n.name for n in NETWORKS), "smallconv"]
    assert [d.name for d in all_datasets()] == [*(d.name for d in DATASETS), "blobs"]
    assert all_metrics()[len(METRICS) :][0].names == ("participation",)
    assert find_model("freebits").defaults(5) == {"floor": 0.25}
    assert find_parameter("floor") == find_model("freebits").parameters[0]
    assert find_network("smallconv").takes(32, 32)
    assert natural_network(32) == "burgess"  # a plug-in changes no sweep that does not name it
    assert len(load_dataset("blobs")) == find_dataset("blobs").contents.images == 576
    assert "participation" in measures.MEASURES
    assert "participation" in measures.UNSUPERVISED
    assert "participation" not in measures.SUPERVISED
    assert measures.measure("sampled_participation").title == "Participation ratio, sampled"


def test_the_example_in_the_docstring_is_true(blobs: Path) -> None:
    names = {"plugin_file": blobs, "load_dataset": load_dataset}
    found = doctest.testmod(plugging, extraglobs=names)
    assert (found.attempted, found.failed) == (2, 0)


def test_a_file_named_again_takes_the_place_of_its_older_version(blobs: Path) -> None:
    use_plugins(blobs)
    before = plugins.named()[0].version
    blobs.write_text(source().replace('"floor", 0.25', '"floor", 0.5'))
    use_plugins(blobs)
    assert len(plugins.named()) == 1
    assert plugins.named()[0].version != before
    assert find_model("freebits").defaults(5) == {"floor": 0.5}


def test_a_plug_in_needs_no_torch(blobs: Path) -> None:
    code = (
        "import sys\nfrom vaebench.plugging import use_plugins\nuse_plugins(sys.argv[1])\n"
        "from vaebench.models import find_model\nfind_model('freebits')\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(blobs)], check=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        ("x = (", r"line 1: SyntaxError: '\(' was never closed"),
        ("import nothing_there", "line 1: ModuleNotFoundError: No module named 'nothing_there'"),
        ("x = 1\nraise ValueError('two\\nlines')", "line 2: ValueError: two lines"),
        ("import sys\nsys.exit(3)", "line 2: SystemExit: 3"),
        ("", "declares no records: PLUGIN is missing"),
        ("PLUGIN = ()", "declares no records: PLUGIN is empty"),
        ("PLUGIN = [1]", "declares no records: PLUGIN is a list"),
        ("PLUGIN = (1,)", "it declares a int, which is no Model, Network, DatasetInfo or Metric"),
        (
            "from vaebench.records import Model\nPLUGIN = (Model(name='x'),)",
            "line 2: TypeError: .* missing 5 required",
        ),
        (source().replace('name="freebits"', 'name="vae"'), "has a model 'vae' of its own"),
        (source().replace('name="freebits"', 'name="CVAE"'), "name is 'CVAE': it must be a name"),
        (source().replace('name="smallconv"', 'name="mlp"'), "has a network 'mlp' of its own"),
        (source().replace('"participation"', '"mig"'), "has a score 'mig' of its own"),
        (source().replace('name="blobs"', 'name="mnist"'), "has a data set 'mnist' of its own"),
        (source().replace("(FREE_BITS,", "(FREE_BITS, FREE_BITS,"), "two of its records are cal"),
        (source().replace("#117733", "green"), "its model 'freebits' colour is 'green': .*#rrggbb"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(
    content: str | None, said: str, tmp_path: Path, state: Path
) -> None:
    file = tmp_path / "mine.py"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said) as caught:
        use_plugins(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert plugins.named() == ()
    assert not state.exists()


def test_a_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder: name a file"):
        use_plugins(tmp_path)


def test_names_of_other_plug_ins_are_taken(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name / "mine.py" for name in "abc")
    for file in (first, second, third):
        file.parent.mkdir()
        file.write_text(source("free_bits"))
    use_plugins(first)
    with pytest.raises(UsageError, match="have the same name, by which runs remember them"):
        use_plugins(second)
    other = third.rename(third.parent / "other.py")
    with pytest.raises(UsageError, match=r"its model 'freebits' has the name of one of .*mine.py"):
        use_plugins(other)
    assert [plugin.path for plugin in plugins.named()] == [first]


BROKEN: list[tuple[Record, dict[str, Any], str]] = [
    (BETA_VAE, {"title": ""}, "title is ''"),
    (BETA_VAE, {"objective": 3}, "objective is 3: it must be a function"),
    (BETA_VAE, {"marker": "."}, "marker is '.': it must be one of"),
    (BETA_VAE, {"aliases": "x"}, "aliases is 'x'"),
    (BETA_VAE, {"strength": "gamma"}, "strength is 'gamma'"),
    (BETA_VAE, {"fixed": ("beta",)}, "fixed is"),
    (BETA_VAE, {"conditional": 1}, "conditional is 1: it must be True or False"),
    (BETA_VAE, {"parameters": (Parameter("warmup", 1.0),), "strength": None}, "parameters is"),
    (BETA_VAE, {"parameters": (Parameter("beta", "1"),)}, "default is '1'"),  # type: ignore[arg-type]
    (BETA_VAE, {"source": "me"}, "source is 'me'"),
    (MLP, {"build": None}, "build is None"),
    (MLP, {"sizes": (0,)}, r"sizes is \(0,\)"),
    (DATASETS[0], {"name": "a b"}, "name is 'a b'"),
    (DATASETS[0], {"contents": None}, "contents is None"),
    (DATASETS[0], {"files": ("x",)}, "files is"),
    (DATASETS[0], {"drawn": None, "files": ()}, "drawn is None: without a file"),
    (MIG, {"measures": ()}, r"measures is \(\)"),
    (MIG, {"resampled": None}, "there must be one, and there are 0"),
    (MIG, {"measures": (Measure(name="seed", title="S"),)}, "name is 'seed'"),
    (MIG, {"measures": (Measure(name="x'; --", title="S"),)}, "name is"),
    (MIG, {"measures": (Measure(name="x", title="S", tier="all"),)}, "tier of x is 'all'"),
]


@pytest.mark.parametrize(("record", "change", "said"), BROKEN)
def test_a_record_says_which_field_is_wrong(
    record: Record, change: dict[str, Any], said: str
) -> None:
    assert record.problem() is None
    wrong = dataclasses.replace(record, **change).problem()  # type: ignore[type-var]
    assert re.search(said, wrong or "")


def test_our_own_records_are_as_plug_ins_must_be() -> None:
    every: tuple[Record, ...] = (*MODELS, *NETWORKS, *DATASETS)
    assert [record.problem() for record in every if record.problem()] == []


def model_like(name: str, colour: str, marker: str) -> Callable[[str], str]:
    return lambda text: (
        text.replace('"freebits"', f'"{name}"')
        .replace("#117733", colour)
        .replace('marker="H"', f'marker="{marker}"')
    )


def test_looks_that_are_taken_are_replaced(tmp_path: Path) -> None:
    taken = BETA_VAE.colour.upper(), BETA_VAE.marker
    for name in ("one", "two"):
        file = tmp_path / f"{name}.py"
        file.write_text(model_like(name, *taken)(source("free_bits")))
        use_plugins(file)
    looks = [(model.colour.lower(), model.marker) for model in all_models()]
    assert len({colour for colour, _ in looks}) == len({mark for _, mark in looks}) == len(looks)
    assert {marker for _, marker in looks} <= set(MARKERS)
    assert find_model("betavae_h") is BETA_VAE


def test_no_score_takes_the_name_of_a_column_of_results() -> None:
    own = {name for metric in METRICS for name in metric.names}
    for column in sorted(RESULTS - own):
        renamed = dataclasses.replace(MIG, measures=(Measure(name=column, title="C"),))
        assert f"name is {column!r}" in (renamed.problem() or ""), column
