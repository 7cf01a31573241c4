"""What plug-ins return is looked at, and their versions are part of what runs are known by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugins.conftest import source
from tests.training.conftest import make_spec
from vaebench import plugins
from vaebench.context import WorkerContext
from vaebench.data import load_dataset
from vaebench.errors import DataError, VaebenchError
from vaebench.executors import ProcessExecutor
from vaebench.fingerprint import training_digest
from vaebench.metrics import score_representation
from vaebench.outcome import JobOutcome
from vaebench.plugging import trained_by, use_plugins
from vaebench.plugins.versions import other_versions
from vaebench.spec import JobSpec
from vaebench.store import Reader, Store, made_by_other_code, other_plugins
from vaebench.worker import load_feed, load_model, run_pack


def job(**changes: Any) -> JobSpec:
    setting = {"network": "smallconv", "dataset": "blobs", "eval_size": 20, "steps": 4}
    return make_spec("freebits", **(setting | changes))


def outcome(out: Path, spec: JobSpec | None = None) -> JobOutcome:
    load_feed.cache_clear()
    return run_pack([spec or job()], WorkerContext(out=out), lambda sign: None, lambda: False)[0]


OBJECTIVE = '    return terms.reconstruction.mean() + kl.clamp(min=hyper["floor"]).sum()\n'
SCORE = "    return [Score(MEASURE.name, float(np.trace(covariance)) ** 2 / square, len(points))]\n"
NETWORK = "head=nn.Linear(16 * 8 * 8 + labels, 2 * latents)"
IMAGES = "images[..., None]"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (OBJECTIVE, "    return terms.reconstruction\n", r"'freebits' returned float32 \[8\]: it"),
        (OBJECTIVE, "    return 3.0\n", "'freebits' returned a float: it must"),
        (OBJECTIVE, "    return terms.kl.sum().detach()\n", "returned a number that depends on no"),
        (OBJECTIVE, "    return terms.reconstruction.mean() * float('nan')\n", "NaN or infinite"),
        (OBJECTIVE, "    return hyper['gamma']\n", "KeyError: 'gamma'"),
        (SCORE, "    return 3\n", "score participation returned 3: it must return a list of Score"),
        (SCORE, "    return [Score('mig', 1.0)]\n", "participation returned those of mig"),
        (SCORE, "    return [Score(MEASURE.name, 'high')]\n", "returned 'high' for participation"),
        (SCORE, "    return [Score(MEASURE.name, np.nan)]\n", "returned nan for participation"),
        (NETWORK, "head=nn.Linear(9, 2)", r"head cannot take \[2, 1024\]"),
        (
            NETWORK,
            "head=nn.Linear(16 * 8 * 8, 3)",
            r"head gave \[2, 3\] of \[2, 1024\], not \[2, 2",
        ),
        ("    return Coders(", "    return dict(", "build returned a dict, not protocols.Coders"),
        (IMAGES, "images[:, 1:, :, None]", r"observation_shape is \(1, 31, 32\), and its record"),
        (IMAGES, "images[:9, ..., None]", r"len\(\) is 9, and its record says 576"),
        (IMAGES, "images[nothing]", "cannot be opened by its plug-in: NameError: name 'nothing'"),
        (IMAGES, "images[..., None].astype(float)", "observations is float64 .* must be uint8"),
    ],
)
def test_what_a_plug_in_gets_wrong_fails_its_job_in_a_line(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = source()
    assert old in text
    (tmp_path / "wrong.py").write_text(text.replace(old, new))
    use_plugins(tmp_path / "wrong.py")
    failed = outcome(tmp_path)
    assert failed.status == "failed"
    with pytest.raises(VaebenchError, match=said):
        raise VaebenchError(failed.error)
    assert "\n" not in (failed.error or "")


def test_a_data_set_must_have_the_labels_of_its_record(tmp_path: Path) -> None:
    text = source("blobs").replace("(1, PIXELS, PIXELS), ())", "(1, PIXELS, PIXELS), ('a',))")
    (tmp_path / "wrong.py").write_text(text)
    use_plugins(tmp_path / "wrong.py")
    with pytest.raises(DataError, match=r"label_names is \(\), and its record says \('a',\)"):
        load_dataset("blobs")


def test_a_run_names_its_plug_ins_and_a_run_without_any_is_as_it_was(
    blobs: Path, tmp_path: Path
) -> None:
    plain = make_spec(network="mlp", eval_size=10, steps=2)
    before = outcome(tmp_path, plain)
    assert not {"plugins", "score_plugins"} & set(before.environment)
    assert trained_by(plain) == before.environment["training_code"] == training_digest()
    only_model = tmp_path / "only_model.py"
    only_model.write_text(source("free_bits"))
    use_plugins(only_model)
    assert outcome(tmp_path / "again", plain).environment == before.environment
    plugins.follow(())
    use_plugins(blobs)
    version = {"blobs.py": plugins.named()[0].version}
    mine = outcome(tmp_path)
    assert mine.environment["plugins"] == mine.environment["score_plugins"] == version
    assert trained_by(job()) == mine.environment["training_code"] != training_digest()
    scored = outcome(tmp_path / "scored", plain)
    assert scored.environment == {**before.environment, "score_plugins": version}
    theirs = {score for score in scored.scores if score.name != "participation"}
    assert theirs == set(before.scores)
    assert scored.curves == before.curves


def test_a_worker_that_finds_another_version_hands_its_job_back(
    blobs: Path, tmp_path: Path
) -> None:
    use_plugins(blobs)
    spec = job()
    blobs.write_text(source() + "# changed\n")
    executor = ProcessExecutor(run_pack, [WorkerContext(out=tmp_path)], on_event=lambda sign: None)
    try:
        refused = [executor.submit([spec]).result()[0] for _ in range(2)]
    finally:
        executor.shutdown()
    for one in refused:
        assert (one.status, one.key) == ("blocked", spec.key)
        assert "blobs.py has changed since this command began" in (one.error or "")


COPY = """
from dataclasses import replace

from vaebench.models import find_model
from vaebench.networks import find_network

PLUGIN = (
    replace(find_model("factorvae"), name="factor_copy", aliases=()),
    replace(find_model("vampprior"), name="vamp_copy", aliases=()),
    replace(find_network("mlp"), name="mlp_copy"),
)
"""


@pytest.mark.parametrize("copied", ["factorvae factor_copy", "vampprior vamp_copy"])
def test_a_copy_of_our_own_gives_its_figures_to_the_bit(
    copied: str, blobs: Path, tmp_path: Path
) -> None:
    """With an adversary, or with a prior and what it learns, both saved and read back."""
    (tmp_path / "copies.py").write_text(COPY)
    use_plugins(blobs, tmp_path / "copies.py")
    model, copy = copied.split()
    setting: dict[str, Any] = {"eval_size": 10, "steps": 3, "dataset": "blobs"}
    ours = outcome(tmp_path, make_spec(model, network="mlp", **setting))
    spec = make_spec(copy, network="mlp_copy", **setting)
    theirs = outcome(tmp_path, spec)
    assert theirs.status == ours.status == "complete"
    assert (theirs.scores, theirs.curves) == (ours.scores, ours.curves)
    assert theirs.representation == ours.representation
    assert load_model(WorkerContext(out=tmp_path).model(spec.key))[0] == spec


SPLIT = """
import numpy as np
from vaebench.metrics import Metric, Score
from vaebench.records import Measure

HELD = Measure(name="held", title="Held", needs="factors", tier="all")
SAME = Measure(name="same", title="Same", needs="grid")


def tested(split):
    return [Score("held", len(split.train) / len(split.test), len(split.train))]


def images(sampler):
    factors = np.zeros((4, len(sampler.factor_sizes)), np.int64)
    return [Score("same", np.ptp(sampler.represent(factors), axis=0).max(), 4)]


PLUGIN = (Metric(measures=(HELD,), of_split=tested), Metric(measures=(SAME,), drawn=images))
"""


def test_scores_of_a_split_and_of_images_drawn_by_factors(tmp_path: Path) -> None:
    (tmp_path / "split.py").write_text(SPLIT)
    use_plugins(tmp_path / "split.py")
    core = outcome(tmp_path, make_spec(network="mlp", eval_size=10, steps=2))
    found = {score.name: score.value for score in core.scores}
    assert found["same"] == 0.0  # one image for each set of factors
    assert "held" not in found
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(60, 2)), rng.integers(0, 3, (60, 2))
    every = score_representation(
        codes[:40], factors[:40], codes[40:], factors[40:], resamples=0, downstream_sizes=()
    )
    assert every["held"].value == 2.0


def test_runs_of_another_version_are_named(blobs: Path, tmp_path: Path) -> None:
    use_plugins(blobs)
    with Store(tmp_path / "results.db") as store:
        sweep = store.add_sweep([job()], "sweep").sweep_id
        claim = store.claim(sweep)
        assert claim is not None
        assert store.complete(claim, outcome(tmp_path))
        assert (made_by_other_code(store), other_plugins(store)) == ([], [])
    blobs.write_text(source() + "# changed\n")
    use_plugins(blobs)
    with Reader.open(tmp_path / "results.db") as reader:
        assert made_by_other_code(reader) == [job().key]
        assert other_plugins(reader) == ["blobs.py"]


def test_a_score_anew_counts_and_a_plug_in_that_is_gone_does_not(blobs: Path) -> None:
    use_plugins(blobs)
    mine = {"blobs.py": plugins.named()[0].version}
    assert other_versions({"plugins": mine, "score_plugins": mine}) == []
    assert other_versions({"score_plugins": {"blobs.py": "old"}}) == ["blobs.py"]
    anew = {"score_plugins": {"blobs.py": "old"}, "evaluation": {"score_plugins": mine}}
    assert other_versions(anew) == []
    assert other_versions({"plugins": {"gone.py": "old"}, "score_plugins": "damaged"}) == []


def test_a_checkpoint_of_another_version_is_not_gone_on_with(blobs: Path, tmp_path: Path) -> None:
    use_plugins(blobs)
    stops = iter([False, False, True])
    context = WorkerContext(out=tmp_path)
    first = run_pack([job(steps=9)], context, lambda sign: None, lambda: next(stops))[0]
    assert first.status == "interrupted"
    blobs.write_text(source() + "# changed\n")
    use_plugins(blobs)
    notes: list[str] = []
    load_feed.cache_clear()
    run_pack([job(steps=9)], context, lambda sign: notes.append(sign.note or ""), lambda: False)
    assert any("was written by other code of vaebench or of a plug-in" in note for note in notes)


def test_a_worker_has_the_plug_ins_of_its_command_or_none(blobs: Path) -> None:
    use_plugins(blobs)
    wanted = plugins.references()
    blobs.write_text(source() + "# changed\n")
    with pytest.raises(VaebenchError, match="has changed since this command began: nothing is"):
        plugins.follow(wanted)
    blobs.write_text(source())
    plugins.follow(wanted)
    assert plugins.references() == wanted
    plugins.follow(())
    assert plugins.references() == ()
