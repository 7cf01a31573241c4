"""UDR of a cell's runs, from the codes that each of them stored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vaebench.errors import DataError
from vaebench.outcome import Representation, Score
from vaebench.store import Reader, latent_kl


def latent_variance(reader: Reader, cell: str, key: str) -> dict[int, float]:
    """Computes the variance of each latent's posterior mean over images; empty where not stored.

    It says more than the KL of whether a latent carries anything: of one whose posterior is narrow
    but everywhere the same the KL is high and the variance 0.
    """
    stored = reader.representations(cell, key).get(key)
    if stored is None:
        return {}
    return dict(enumerate(codes(stored).astype(np.float64).var(axis=0).tolist()))


def codes(stored: Representation) -> npt.NDArray[np.float32]:
    """Reads stored codes, [N, D]."""
    return np.frombuffer(stored.codes, "<f4").reshape(stored.points, stored.latents)


def udr_scores(reader: Reader, cell: str) -> dict[str, Score]:
    """Ranks a cell's runs by how far the others learnt the same latents.

    Args:
        reader: The database.
        cell: The cell: runs that differ in the seed (or fold) alone.

    Returns:
        `udr` by job key, of every run with stored codes; `points` is how many were compared.
        Runs in `reader.unreadable` are left out, as those of damaged codes or KL are. NULL, with
        the reason, in a cell of one such run, or where codes cannot be compared.

    References:
        See `vaebench.metrics.udr`.
    """
    from vaebench.metrics import udr  # scikit-learn comes with it: a second that reports need not

    all_runs = reader.representations(cell)
    known = latent_kl(reader, cell=cell)
    found = {key: run for key, run in all_runs.items() if key not in reader.unreadable}
    if len(found) < 2:
        note = "UDR compares the runs of a cell, and there is one"
        return {key: Score("udr", None, len(found), note=note) for key in found}
    divergences = [known.get(key, {}) for key in found]
    kl = [[each[place] for place in sorted(each)] for each in divergences]
    try:
        result = udr([codes(stored) for stored in found.values()], kl if any(kl) else None)
    except DataError as error:
        return {key: Score("udr", None, len(found), note=str(error)) for key in found}
    return {
        key: Score("udr", float(value), len(found))
        for key, value in zip(found, result.scores, strict=True)
    }
