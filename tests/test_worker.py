"""The worker: outcomes for good and bad jobs, trained models that can be loaded again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.asked import jobs_of
from tests.training.conftest import make_spec
from vaebench.context import WorkerContext
from vaebench.errors import DamagedError, VaebenchError
from vaebench.fingerprint import code_digest
from vaebench.outcome import JobOutcome, Progress
from vaebench.spec import JobSpec, Setting
from vaebench.training import read_tensors, write_tensors
from vaebench.worker import load_model, run_pack


def run(
    pack: list[JobSpec],
    out: Path,
    should_stop: Callable[[], bool] = lambda: False,
    on_event: Callable[[Progress], Any] = lambda progress: None,
) -> list[JobOutcome]:
    return run_pack(pack, WorkerContext(out=out), on_event, should_stop)


def without_times(outcome: JobOutcome) -> tuple[object, ...]:
    figures = outcome.scores, outcome.curves, outcome.artifacts, outcome.representation
    return *figures, outcome.environment


def test_a_pack_gives_what_each_job_gives_alone(tmp_path: Path) -> None:
    pack = [make_spec("cvae", eval_size=10), make_spec("ae", eval_size=10, seed=1)]
    together = run(pack, tmp_path / "together")
    alone = [run([spec], tmp_path / spec.key)[0] for spec in reversed(pack)]
    for outcome, other in zip(together, reversed(alone), strict=True):
        assert outcome.status == "complete"
        assert without_times(outcome) == without_times(other)
        assert outcome.train_seconds > 0
        assert outcome.eval_seconds > 0


def test_a_failing_job_is_an_outcome_and_its_neighbour_is_trained(tmp_path: Path) -> None:
    bad = make_spec(learning_rate=1e30, eval_size=10, steps=6)
    outcomes = run([bad, make_spec(eval_size=10)], tmp_path)
    assert [outcome.status for outcome in outcomes] == ["failed", "complete"]
    assert outcomes[0].error is not None
    assert "NaN or infinite at step" in outcomes[0].error
    assert "DivergedError" in (outcomes[0].traceback or "")
    assert outcomes[0].environment["device"] == "cpu"


def test_stopped_in_training_or_evaluation_and_gone_on_with(tmp_path: Path) -> None:
    spec = make_spec(eval_size=10)
    expected = run([spec], tmp_path / "straight")[0]
    phases: list[str] = []
    out = tmp_path / "stopped"
    stops = iter([False] * 4 + [True])
    first = run([spec], out, should_stop=lambda: next(stops))[0]
    assert (first.status, first.scores) == ("interrupted", ())
    evaluating = False

    def on_event(progress: Progress) -> None:
        nonlocal evaluating
        phases.append(progress.phase)
        evaluating = progress.phase == "evaluating"

    second = run([spec], out, should_stop=lambda: evaluating, on_event=on_event)[0]
    assert second.status == "interrupted"
    assert phases[-1] == "evaluating"
    again: list[str] = []
    last = run([spec], out, on_event=lambda progress: again.append(progress.phase))[0]
    assert "evaluating" in again
    assert "training" not in again  # that was done, and is not done twice
    assert without_times(last) == without_times(expected)


def test_environment_says_what_made_the_result(tmp_path: Path) -> None:
    environment = run([make_spec(eval_size=10, steps=1)], tmp_path)[0].environment
    assert environment["threads"] == 1
    assert environment["data"] == "drawn from formulas"
    assert environment["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert environment["host"]
    assert environment["code"] == code_digest()
    root = Path(__file__).parent.parent
    if (root / ".git").exists():
        assert len(environment["git_commit"]) == 40
        assert environment["git_dirty"] in (0, 1)


def test_a_trained_model_is_loaded_again(tmp_path: Path) -> None:
    spec = make_spec("cvae", eval_size=10)
    run([spec], tmp_path)
    found, model = load_model(tmp_path / "models" / f"{spec.key}.pt")
    assert found == spec
    x = torch.zeros(2, 1, 64, 64)
    label = torch.tensor([0, 2])
    with torch.inference_mode():
        logits, mu, _, _ = model(x, torch.zeros(2, spec.latent_dim), label)
    assert logits.shape == x.shape
    assert np.isfinite(mu.numpy()).all()
    pixels = model.decode(torch.zeros(1, spec.latent_dim), label[:1])
    assert pixels.min() < 0  # logits, not pictures


def test_a_file_that_is_no_trained_model_is_one_line(tmp_path: Path) -> None:
    spec = make_spec(eval_size=10, steps=1, latent_dim=2)
    assert run([spec], tmp_path)[0].status == "complete"
    path = tmp_path / "models" / f"{spec.key}.pt"
    content = path.read_bytes()
    values = read_tensors(path)
    assert values is not None
    with pytest.raises(VaebenchError, match=r"no trained model at .*nothing.pt: name a file KEY"):
        load_model(tmp_path / "nothing.pt")
    path.write_bytes(content[:4000] + b"x" + content[4001:])
    with pytest.raises(DamagedError, match="damaged"):
        load_model(path)
    job = json.loads(values["job"])
    for changed, said in (
        ({"job": 3}, "not a trained model"),
        ({"job": json.dumps({**job, "network": "mlp"})}, "not a trained model"),
        ({"job": json.dumps({**job, "model": "newvae"})}, "cannot be used by this vaebench"),
        ({"shape": None}, "not a trained model"),
        ({"model": {}}, "not a trained model"),
    ):
        write_tensors(path, {**values, **changed})
        with pytest.raises(VaebenchError, match=said) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)
    torch.save({name: value for name, value in values.items() if name != "code"}, path)
    assert load_model(path)[0] == spec  # as it was written before there were digests


def test_a_damaged_checkpoint_is_said_and_changes_no_figure(tmp_path: Path) -> None:
    spec = make_spec(eval_size=10, steps=6, latent_dim=2)
    expected = run([spec], tmp_path / "straight")[0]
    out, stops = tmp_path / "damaged", iter([False] * 2 + [True])
    assert run([spec], out, should_stop=lambda: next(stops))[0].status == "interrupted"
    path = out / "checkpoints" / f"{spec.key}.pt"
    content = bytearray(path.read_bytes())
    content[400_000] ^= 1
    path.write_bytes(content)
    notes: list[str] = []
    again = run([spec], out, on_event=lambda seen: notes.append(seen.note or ""))[0]
    (note,) = filter(None, notes)
    assert "is damaged" in note
    assert f"set aside as {path.name}.aside" in note
    assert without_times(again) == without_times(expected)
    assert path.with_name(f"{path.name}.aside").read_bytes() == content


def test_an_evaluation_that_draws_from_a_global_generator_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vaebench.metrics.active.active_units", lambda codes: random.random())
    outcome = run([make_spec(eval_size=10, steps=1, latent_dim=2)], tmp_path)[0]
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert "Evaluating betavae_h" in outcome.error
    assert "drew from Python's global random generator" in outcome.error


def test_a_model_is_compared_with_its_weights_before_it_is_built(tmp_path: Path) -> None:
    """A file that promises images of a million pixels a side has no weights for them."""
    (tmp_path / "models").mkdir()
    (job,) = jobs_of("vae", setting=Setting(network="mlp"), seeds=(0,))
    shape = [1, 10**6, 10**6]
    values = {"job": job.to_json(), "shape": shape, "labels": 0, "model": {"w": torch.ones(2)}}
    path = tmp_path / "models" / f"{job.key}.pt"
    write_tensors(path, values)
    with pytest.raises(DamagedError, match="loading state_dict"):
        load_model(path)
