"""Which of a sweep's jobs is the next to claim, as SQL that is put together once."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from vaebench.store.claims import server_clock
from vaebench.store.schema import STATES, jobs, sweep_jobs

AHEAD = 100
"""Jobs behind the one claimed last among which the next is looked for, before all of them are."""

_SWEEP = sa.bindparam("of_sweep", type_=sa.Integer)
_AFTER = sa.bindparam("after", type_=sa.Integer)


def _pending(*where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Selects the first of a sweep's jobs that nobody else is about to claim."""
    return (
        sa.select(jobs.c.id)
        .join(sweep_jobs, sweep_jobs.c.job_id == jobs.c.id)
        .where(sweep_jobs.c.sweep_id == _SWEEP, *where)
        .order_by(sweep_jobs.c.position)
        .limit(1)
        .with_for_update(skip_locked=True, of=jobs)
        .scalar_subquery()
    )


def _near() -> sa.ScalarSelect[int]:
    """Selects the sweep's first pending job among the `AHEAD` behind a position.

    It is asked for by what it is not, which no index answers: so no database looks all pending
    jobs up and sorts them.
    """
    place = sweep_jobs.c.position
    others = jobs.c.state.not_in([state for state in STATES if state != "PENDING"])
    return _pending(place > _AFTER, place <= _AFTER + AHEAD, others)


def _anywhere() -> sa.ScalarSelect[int]:
    """Selects the sweep's first pending job, which is quick where few are."""
    return _pending(jobs.c.state == "PENDING")


@cache
def taking(*, near: bool, server: bool) -> sa.Update:
    """Returns the statement that takes one pending job of a sweep, with its place.

    Args:
        near: Look among the `AHEAD` behind the position `after`, and not among all.
        server: Write the heartbeat by the clock of a database server, and not as `by_this_host`.

    Returns:
        An UPDATE … RETURNING with the parameters `of_sweep`, `after` (where it looks near),
        `by_this_host` (without a server), `token`, `host`, `pid`, `created` and `now`.
    """
    members = (sweep_jobs.c.sweep_id == _SWEEP, sweep_jobs.c.job_id == jobs.c.id)
    position = sa.select(sweep_jobs.c.position).where(*members).scalar_subquery()
    beat = server_clock() if server else sa.bindparam("by_this_host", type_=sa.Float)
    statement = sa.update(jobs).values(
        state="RUNNING",
        claim_token=sa.bindparam("token"),
        claim_host=sa.bindparam("host"),
        claim_pid=sa.bindparam("pid"),
        claim_started=sa.bindparam("created"),
        started_at=sa.func.coalesce(jobs.c.started_at, sa.bindparam("now", type_=sa.Text)),
        heartbeat_at=beat,
        phase="loading",
        error=None,
        traceback=None,
    )
    waiting = _near() if near else _anywhere()
    return statement.where(jobs.c.id == waiting, jobs.c.state == "PENDING").returning(
        jobs.c.id,
        jobs.c.job_key,
        jobs.c.claim_token,
        jobs.c.spec,
        jobs.c.attempts,
        position.label("position"),
    )
