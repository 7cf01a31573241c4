"""Which of a sweep's jobs is the next to claim, as SQL."""

from __future__ import annotations

import sqlalchemy as sa

from vaebench.store.schema import STATES, jobs, sweep_jobs

AHEAD = 100
"""Jobs behind the one claimed last among which the next is looked for, before all of them are."""


def _pending(sweep_id: int, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Selects the first of a sweep's jobs that nobody else is about to claim."""
    return (
        sa.select(jobs.c.id)
        .join(sweep_jobs, sweep_jobs.c.job_id == jobs.c.id)
        .where(sweep_jobs.c.sweep_id == sweep_id, *where)
        .order_by(sweep_jobs.c.position)
        .limit(1)
        .with_for_update(skip_locked=True, of=jobs)
        .scalar_subquery()
    )


def next_near(sweep_id: int, after: int) -> sa.ScalarSelect[int]:
    """Selects the sweep's first pending job among the `AHEAD` behind a position.

    It is asked for by what it is not, which no index answers: so no database looks all pending
    jobs up and sorts them.
    """
    place = sweep_jobs.c.position
    others = jobs.c.state.not_in([state for state in STATES if state != "PENDING"])
    return _pending(sweep_id, place > after, place <= after + AHEAD, others)


def next_anywhere(sweep_id: int) -> sa.ScalarSelect[int]:
    """Selects the sweep's first pending job, which is quick where few are."""
    return _pending(sweep_id, jobs.c.state == "PENDING")


def taking(statement: sa.Update, sweep_id: int, waiting: sa.ScalarSelect[int]) -> sa.Update:
    """Has an update of `jobs` take one pending job of a sweep, and return it with its place."""
    members = (sweep_jobs.c.sweep_id == sweep_id, sweep_jobs.c.job_id == jobs.c.id)
    position = sa.select(sweep_jobs.c.position).where(*members).scalar_subquery()
    return statement.where(jobs.c.id == waiting, jobs.c.state == "PENDING").returning(
        jobs.c.id,
        jobs.c.job_key,
        jobs.c.claim_token,
        jobs.c.spec,
        jobs.c.attempts,
        position.label("position"),
    )
