"""All pictures of one finished run as files, those that it lacks made by its trained model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vaebench.errors import VaebenchError
from vaebench.hints import DEFAULT_DATABASE
from vaebench.spec import JobSpec
from vaebench.sweeping.own import trained_on
from vaebench.sweeping.stored import model_file, refuse_unfinished

if TYPE_CHECKING:
    from vaebench.data.own.opened import OwnData
    from vaebench.outcome import Artifact
    from vaebench.report.looks.plane import Codes
    from vaebench.report.showcase import Shown
    from vaebench.store import JobRow, Reader

INSTEAD = "Name another folder with --figures."


@dataclass(frozen=True)
class Pictured:
    """What `write_pictures` wrote.

    Attributes:
        files: The files, in the order to look at them.
        lacks: What is missing and why, in whole sentences.
    """

    files: tuple[Path, ...]
    lacks: tuple[str, ...]


def write_pictures(
    key: str,
    folder: str | Path,
    db: str | Path = DEFAULT_DATABASE,
    *,
    models: str | Path | None = None,
    data_dir: str | Path | None = None,
    dataset: str | None = None,
    on_encode: Callable[[JobSpec], None] = lambda spec: None,
) -> Pictured:
    """Writes all pictures of a run: PNG and SVG, and GIF of its traversals.

    Stored pictures are drawn as they are. Those that an older vaebench did not make yet, and the
    attributes that the evaluation left out, are made by the trained model where it is here; where
    it is not, that is said and the others are written all the same.

    Args:
        key: Key of a finished run, or its first digits.
        folder: Where to; made where it is missing. Files are called `KEY_NAME.png` and so on.
        db: A file, or a PostgreSQL URL.
        models: Folder of trained models; None for `models` beside the database.
        data_dir: Folder of downloaded data sets.
        dataset: Where the user's own images lie now, if they were moved.
        on_encode: Is told of the run when its trained model is used, which takes a while.

    Raises:
        StoreError: The database cannot be read, or has no such run.
        VaebenchError: The run is not finished.
        OutputError: A file cannot be written, or one that is not ours is in its place.

    Example:
        >>> write_pictures(key, folder / "figures", db).files[0].suffix
        '.png'
    """
    from vaebench.files import check_replaceable, write_atomically
    from vaebench.report.looks.portrait import is_own, portrait
    from vaebench.store import Reader

    folder = Path(folder)
    with Reader.open(db) as reader:
        row = reader.find(key)
        refuse_unfinished(row, reader.location, "has pictures")
        run = shown(reader, row)
        codes = _codes(reader, row)
        lacks: list[str] = []
        if missing := missing_of(run, row.spec.latent_dim):
            data = None if data_dir is None else Path(data_dir)
            try:
                path = model_file(row, db, models, reader.location)
                own = trained_on(reader, [row], dataset, data)
                on_encode(row.spec)
                made = from_model(path, row.spec, data, own[0] if own else None)
                run = replace(run, artifacts={**made, **_kept(run, missing)})
            except VaebenchError as error:
                lacks.append(f"Not written: {', '.join(missing)}. {error}")
    files, unreadable = portrait(run, codes)
    whole = {folder / f"{row.key}_{name}": content for name, content in files.items()}
    for path in whole:
        check_replaceable(path, mine=is_own, instead=INSTEAD)
    for path, content in whole.items():
        write_atomically(path, content, mine=is_own, instead=INSTEAD)
    return Pictured(tuple(whole), (*unreadable, *lacks))


def missing_of(run: Shown, latents: int) -> list[str]:
    """Lists what a run's stored pictures lack that its trained model, of D latents, can make."""
    if "marginal" not in run.artifacts:
        plane = ["the plane"] if latents == 2 else []
        return ["the traversals over the fitted marginal", "ways between images", "attributes",
                *plane, "the factor × latent matrix"]  # fmt: skip
    added = run.artifacts.get("attributes")
    left_out = added.detail.get("left_out") if added is not None else 0
    return [f"{left_out} more attributes"] if isinstance(left_out, int) and left_out else []


def shown(reader: Reader, row: JobRow) -> Shown:
    """Reads a run's pictures and what is said of its latents."""
    from vaebench.analysis import latent_variance
    from vaebench.report.showcase import Shown
    from vaebench.store import latent_kl

    spec = row.spec
    name = spec.model if spec.strength_text == "" else f"{spec.model} {spec.strength_text}"
    return Shown(
        series=spec.model,
        model=spec.model,
        cell_label=name,
        short=spec.strength_text or spec.model,
        seed=spec.seed,
        chosen="",
        artifacts={artifact.name: artifact for artifact in reader.artifacts(row.key)},
        kl=latent_kl(reader, key=row.key).get(row.key, {}),
        variance=latent_variance(reader, spec.cell, row.key),
    )


def from_model(
    path: Path, spec: JobSpec, data_dir: Path | None, own: OwnData | None
) -> dict[str, Artifact]:
    """Makes all pictures anew, every attribute among them.

    Raises:
        VaebenchError: The model's file is damaged or of another job, or the data are not here.
    """
    from vaebench.evaluation import Encoder, held_out, likelihood_scores, pictures
    from vaebench.saved import load_model
    from vaebench.worker import load_feed

    trained, model = load_model(path)
    if trained != spec:
        raise VaebenchError(f"{path} is the model of another job, {trained.key}.")
    feed = load_feed(spec.dataset, own, data_dir, spec.network, "cpu")
    encoder = Encoder(model, feed, "fp32")
    indices = held_out(spec, feed.data)
    _, kl = likelihood_scores(spec, encoder, indices)
    made = pictures(spec, encoder, indices, kl, attributes=None)
    return {artifact.name: artifact for artifact in made}


def _kept(run: Shown, missing: list[str]) -> dict[str, Artifact]:
    """Returns the stored pictures that stay as they are."""
    kept = dict(run.artifacts)
    if len(missing) == 1:
        kept.pop("attributes")
    return kept


def _codes(reader: Reader, row: JobRow) -> Codes | None:
    from vaebench.analysis.udr import codes

    stored = reader.representations(row.spec.cell, row.key).get(row.key)
    return None if stored is None else codes(stored)
