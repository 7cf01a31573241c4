"""The tables of the result database and the wide `results` view over them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal, get_args

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

from vaebench.metrics import MEASURES
from vaebench.outcome import FIT, TIMES
from vaebench.passwords import scrubbed, scrubbed_command

VERSION = 2
"""Of the tables; a database of a higher one is refused."""

LATER = ("training_key", "weight_decay", "initialisation", "dci", "solver")
"""Columns of `jobs` that came with version 2; they stand last, where ALTER TABLE adds them."""

State = Literal["PENDING", "RUNNING", "COMPLETE", "FAILED"]

STATES: tuple[State, ...] = get_args(State)


SCORES = tuple(measure.name for measure in (*FIT, *MEASURES) if measure.column)
"""Scores with a column of their own in `results`; all others are in the table `scores`."""

RELATIVE = tuple(measure.name for measure in MEASURES if measure.tier == "cell")
"""Scores of a run among the others of its cell: they change when the cell gets another run."""


class Public(TypeDecorator[str]):
    """Text that loses its passwords when it is stored, and when it is read where it has some.

    Args:
        without: Returns a text without its passwords.
    """

    impl = Text
    cache_ok = True

    def __init__(self, without: Callable[[str], str] = scrubbed) -> None:
        super().__init__()
        self.without = without

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: Any, dialect: object) -> Any:
        return self.without(value) if isinstance(value, str) else value

    def result_processor(self, dialect: object, coltype: object) -> Callable[[Any], Any]:
        without = self.without
        return lambda value: without(value) if isinstance(value, str) else value


metadata = MetaData()

schema_version = Table("vaebench_schema", metadata, Column("version", Integer, nullable=False))

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("command", Public(scrubbed_command), nullable=False),
    Column("created_at", String(32), nullable=False),
)

environments = Table(
    "environments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", String(16), nullable=False, unique=True),
    Column("device", String(16), nullable=False),
    Column("device_name", Text),
    Column("host", Text),
    Column("threads", Integer),
    Column("git_commit", String(40)),
    Column("git_dirty", Integer),
    Column("detail", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_key", String(16), nullable=False, unique=True),
    Column("cell", String(16), nullable=False, index=True),
    Column("setting", String(16), nullable=False, index=True),
    Column("spec", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("model", String(32), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("strength_name", String(32)),
    Column("strength", Float),
    Column("beta", Float),
    Column("seed", BigInteger, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("learning_rate", Float, nullable=False),
    Column("latent_dim", Integer, nullable=False),
    Column("network", String(32), nullable=False),
    Column("likelihood", String(32), nullable=False),
    Column("warmup_steps", Integer, nullable=False),
    Column("precision", String(8), nullable=False),
    Column("eval_size", Integer, nullable=False),
    Column("scores", String(8), nullable=False),
    Column("folds", Integer),
    Column("fold", Integer),
    Column("state", String(16), nullable=False, default="PENDING"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("losses", Integer, nullable=False, default=0),
    Column("claim_token", String(32)),
    Column("claim_host", Text),
    Column("claim_pid", Integer),
    Column("claim_started", Float),
    Column("heartbeat_at", Float),
    Column("phase", String(16)),
    Column("step", Integer, nullable=False, default=0),
    Column("step_seconds", Float),
    Column("train_seconds", Float),
    Column("eval_seconds", Float),
    Column("created_at", String(32), nullable=False),
    Column("started_at", String(32)),
    Column("finished_at", String(32)),
    Column("environment_id", ForeignKey("environments.id")),
    Column("error", Public()),
    Column("traceback", Public()),
    Column("training_key", String(16)),
    Column("weight_decay", Float),
    Column("initialisation", String(32)),
    Column("dci", String(32)),
    Column("solver", String(32)),
    Index("jobs_by_state", "state"),
    Index("jobs_by_training_key", "training_key"),
)

sweep_jobs = Table(
    "sweep_jobs",
    metadata,
    Column("sweep_id", ForeignKey("sweeps.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Index("sweep_jobs_by_job", "job_id"),
)

holders = Table(
    "holders",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("place", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", BigInteger, nullable=False),
)

claimants = Table(
    "claimants",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("host", Text, nullable=False),
    Column("devices", Text, nullable=False),
    Column("software", Text, nullable=False),
    Column("allocation", Text),
    Column("since", Float, nullable=False),
)

places = Table(
    "places",
    metadata,
    Column("claim_token", String(32), primary_key=True),
    Column("host", Text, nullable=False),
    Column("device", Text, nullable=False),
)

allocations = Table(
    "allocations",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id"), nullable=False),
    Column("submitted_at", String(32), nullable=False),
)

scores = Table(
    "scores",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", Float),
    Column("points", Integer),
    Column("low", Float),
    Column("high", Float),
    Column("note", Text),
)

curves = Table(
    "curves",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("loss", Float, nullable=False),
    Column("reconstruction", Float, nullable=False),
    Column("kl", Float),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("png", LargeBinary, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("columns", Integer, nullable=False),
    Column("detail", Text, nullable=False),
)

representations = Table(
    "representations",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("points", Integer, nullable=False),
    Column("latents", Integer, nullable=False),
    Column("codes", LargeBinary, nullable=False),
)

outside = Table("outside", metadata, Column("place", Text, primary_key=True))
"""The folder in which pictures and codes are files, where that is wished: one row at most."""

plugins = Table(
    "plugins",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", String(16), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("path", Text),
    Column("scores", Text, nullable=False),
)

SPEC_COLUMNS = (
    "job_key",
    "training_key",
    "cell",
    "setting",
    "dataset",
    "model",
    "parameters",
    "strength_name",
    "strength",
    "beta",
    "seed",
    "steps",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "latent_dim",
    "network",
    "initialisation",
    "likelihood",
    "warmup_steps",
    "precision",
    "eval_size",
    "scores",
    "dci",
    "solver",
    "folds",
    "fold",
)
"""Columns of `jobs` that say what the job is."""


_ENVIRONMENT_COLUMNS = ("device", "threads", "host", "git_commit")
"""Columns of `environments` in `results`."""

RESULTS = {*SPEC_COLUMNS, *SCORES, *(measure.name for measure in TIMES)} | {
    *_ENVIRONMENT_COLUMNS,
    "finished_at",
}
"""The columns of `results` without those of plug-ins."""


def results_view(without: Collection[str] = (), others: Iterable[str] = ()) -> str:
    """Returns the SELECT behind `results`: one row per finished job, a column per score.

    Each score is looked up by the key of its table, in an eighth of the time that it takes to
    group all of them.

    Args:
        without: Columns of `jobs` that the database lacks; they are NULL.
        others: Scores of plug-ins, whose columns come after vaebench's own.
    """
    wide = ",\n  ".join(
        f"(SELECT s.value FROM scores s WHERE s.job_id = j.id AND s.name = '{name}') AS {name}"
        for name in dict.fromkeys((*SCORES, *others))
    )
    said = (f"NULL AS {n}" if n in without else f"j.{n}" for n in SPEC_COLUMNS)
    spec = ", ".join(said)
    return (
        f"SELECT {spec},\n  {wide},\n"
        "  j.train_seconds + j.eval_seconds AS wall_seconds, j.train_seconds, j.eval_seconds,\n"
        f"  {', '.join(f'e.{name}' for name in _ENVIRONMENT_COLUMNS)}, j.finished_at\n"
        "FROM jobs j LEFT JOIN environments e ON e.id = j.environment_id\n"
        "WHERE j.state = 'COMPLETE'"
    )
