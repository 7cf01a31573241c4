"""Result databases as pandas tables: runs, jobs, training curves, and every score."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def runs(db: str | Path = "results/results.db") -> pd.DataFrame:
    """Returns the finished runs of a database, one row each.

    Args:
        db: A file, or a PostgreSQL URL.

    Returns:
        The columns of the database's view `results`, with `model_title`, `series` and
        `cell_label` as the report names them; then every other stored score, and `NAME_error`,
        the standard error that a score's own evaluation has. A missing value is NaN.

    Raises:
        StoreError: The database is missing or cannot be read.

    Example:
        >>> runs(db).groupby("model")["elbo"].count().to_dict()
        {'betavae_h': 2, 'vae': 1}
    """
    from vaebench.analysis import wide_runs
    from vaebench.store import Reader

    with Reader.open(db) as reader:
        return wide_runs(reader)


def jobs(db: str | Path = "results/results.db") -> pd.DataFrame:
    """Returns the jobs of a database, whatever their state: what `vaebench status` is made of.

    Args:
        db: A file, or a PostgreSQL URL.

    Returns:
        One row per job: `job_key setting cell dataset model model_title series cell_label
        strength_name strength seed state attempts error spec`.

    Raises:
        StoreError: The database is missing or cannot be read.

    Example:
        >>> jobs(db)["state"].value_counts().to_dict()
        {'COMPLETE': 3}
    """
    from vaebench.analysis.frames import jobs as all_jobs
    from vaebench.store import Reader

    with Reader.open(db) as reader:
        return all_jobs(reader)


def curves(db: str | Path = "results/results.db") -> pd.DataFrame:
    """Returns the training curves of a database's finished runs.

    Args:
        db: A file, or a PostgreSQL URL.

    Returns:
        One row per run and logged step: `job_key step loss reconstruction kl`, in nats per
        example.

    Raises:
        StoreError: The database is missing or cannot be read.

    Example:
        >>> list(curves(db).columns)
        ['job_key', 'step', 'loss', 'reconstruction', 'kl']
    """
    from vaebench.analysis import curves as of_runs
    from vaebench.store import Reader

    with Reader.open(db) as reader:
        return of_runs(reader, [row.key for row in reader.jobs(states=["COMPLETE"])])


def scores(db: str | Path = "results/results.db") -> pd.DataFrame:
    """Returns every stored score of a database's finished runs.

    Args:
        db: A file, or a PostgreSQL URL.

    Returns:
        One row per run and score: `job_key name value points low high note`; `points` evaluated,
        `low` and `high` a 95 % interval of the evaluation, where it has one.

    Raises:
        StoreError: The database is missing or cannot be read.

    Example:
        >>> table = scores(db)
        >>> table.pivot(index="job_key", columns="name", values="value").shape[0]
        3
    """
    from vaebench.analysis import long_scores
    from vaebench.store import Reader

    with Reader.open(db) as reader:
        return long_scores(reader, [row.key for row in reader.jobs(states=["COMPLETE"])])
