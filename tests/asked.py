"""Jobs as tests ask for them: models, seeds and strengths in one setting."""

from __future__ import annotations

from vaebench.spec import JobSpec, Setting
from vaebench.study import PLAIN, Grid


def jobs_of(
    *models: str,
    setting: Setting | None = None,
    seeds: tuple[int, ...] = (0,),
    betas: tuple[float, ...] = (),
    grid: dict[str, Grid] | None = None,
) -> list[JobSpec]:
    """Returns the jobs of models in a setting, that of defaults where none is given."""
    chosen = setting or Setting()
    study = PLAIN.over(models=models, betas=betas, grid=grid or {}, seeds=seeds, folds=chosen.folds)
    return study.jobs(lambda entry: chosen)
