"""What a job is: its setting, model and hyperparameters, their validation, and the job key."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from vaebench.errors import UsageError, unknown
from vaebench.models import find_model
from vaebench.networks import find_network
from vaebench.records import finite_number

LIKELIHOODS = ("bernoulli", "gaussian")
PRECISIONS = ("fp32", "tf32", "bf16")
INITIALISATIONS = ("glorot", "torch")
SCORES = ("core", "all")
EVALUATION = ("eval_size", "scores", "dci", "solver")
"""Fields that say how a trained model is evaluated, and change nothing of its training."""


def _choice(kind: str, value: object, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise unknown(kind, value, allowed)


def _whole(name: str, value: Any, minimum: int, bits: int = 53) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise UsageError(f"{name} is {value!r}: it must be a whole number, {minimum} or more.")
    if value >= 2**bits:
        raise UsageError(f"{name} is {value}: it must be below 2^{bits}.")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """All that the jobs of one comparison share: everything but model, hyperparameters and seed.

    Attributes:
        dataset: Name of the data set.
        steps: Optimiser steps.
        batch_size: Examples per step.
        learning_rate: Adam's learning rate.
        weight_decay: L2 penalty, added to the gradient.
        latent_dim: Number of latents.
        network: Architecture of encoder and decoder.
        likelihood: Of the pixels given the latents.
        warmup_steps: Steps over which beta grows linearly from 0; 0 for none.
        initialisation: `glorot` (uniform weights, zero biases: the study's) or `torch`.
        precision: `fp32`; `tf32` for products and convolutions in TF32, on NVIDIA GPUs; or `bf16`
            for bfloat16 autocast with fp32 master weights.
        eval_size: Training points of the BetaVAE and FactorVAE classifiers; the study's is 10,000.
        scores: `core`, or `all` with the scores that train classifiers (20 s and more a run).
        dci: `reference` for DCI by the study's gradient boosting, minutes a run; None for ours.
        solver: `lbfgs` for multinomial logistic regressions in scores; None for the study's,
            one-vs-rest by liblinear.
        folds: Parts of the training set in cross-validation; None for none.
    """

    dataset: str = "dsprites"
    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    latent_dim: int = 10
    network: str = "locatello"
    likelihood: str = "bernoulli"
    warmup_steps: int = 0
    initialisation: str = "glorot"
    precision: str = "fp32"
    eval_size: int = 500
    scores: str = "core"
    dci: str | None = None
    solver: str | None = None
    folds: int | None = None

    def __post_init__(self) -> None:
        _whole("--steps", self.steps, 1)
        _whole("--batch-size", self.batch_size, 1)
        _whole("--latent-dim", self.latent_dim, 1)
        _whole("--warmup", self.warmup_steps, 0)
        _whole("--eval-size", self.eval_size, 10)
        if self.dci is not None:
            _choice("way to compute DCI", self.dci, ("reference",))
        if self.solver is not None:
            _choice("solver", self.solver, ("lbfgs",))
        if self.folds is not None:
            _whole("--folds", self.folds, 2)
        finite_number("--lr", self.learning_rate, positive=True)
        finite_number("--weight-decay", self.weight_decay)
        find_network(self.network)
        _choice("likelihood", self.likelihood, LIKELIHOODS)
        _choice("precision", self.precision, PRECISIONS)
        _choice("choice of --scores", self.scores, SCORES)
        _choice("initialisation", self.initialisation, INITIALISATIONS)
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "weight_decay", float(self.weight_decay))


@dataclass(frozen=True, kw_only=True)
class JobSpec(Setting):
    """One training: a setting with a model, its hyperparameters and a seed.

    Its keys are hashed when they are first asked for, and kept.

    Attributes:
        model: Canonical model name.
        parameters: Hyperparameters, all resolved to numbers, by name.
        seed: Every random stream of the job is derived from it.
        fold: In cross-validation, the part that is held out, from 0; the rest is trained on.
    """

    model: str
    parameters: Mapping[str, float]
    seed: int
    fold: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        model = find_model(self.model)
        if model.name != self.model:
            raise UsageError(f"A job of model {self.model!r} must name it {model.name!r}.")
        self._check_place()
        model.check(self.parameters)
        if self.batch_size < model.least_batch:
            raise UsageError(
                f"--batch-size is {self.batch_size}: model {self.model!r} needs "
                f"{model.least_batch} or more."
            )
        ordered = {name: float(self.parameters[name]) for name in sorted(self.parameters)}
        object.__setattr__(self, "parameters", MappingProxyType(ordered))
        if not model.warmup:
            object.__setattr__(self, "warmup_steps", 0)

    def sibling(self, seed: int, fold: int | None) -> JobSpec:
        """Returns the job of this cell with another seed and fold, made in a fraction of the time.

        Raises:
            UsageError: One is out of range.
        """
        values = {**self.__dict__, "cell": self.cell, "setting": self.setting}
        values.pop("key", None)
        values.pop("training_key", None)
        twin = object.__new__(JobSpec)
        twin.__dict__.update(values, seed=seed, fold=fold)
        twin._check_place()
        return twin

    def _check_place(self) -> None:
        _whole("seed", self.seed, 0, bits=63)
        if (self.fold is None) != (self.folds is None) or (self.fold or 0) >= (self.folds or 1):
            raise UsageError(
                f"fold is {self.fold} of {self.folds}: it must be from 0 to folds - 1."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return JobSpec.from_dict, (self.to_dict(),)

    def __hash__(self) -> int:
        return hash(self.key)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types; a field that is None (added after version 1) is left out."""
        values = {name: getattr(self, name) for name in _FIELDS}
        values["parameters"] = dict(self.parameters)
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> str:
        """Returns the canonical JSON that the key is the hash of."""
        return _canonical(self.to_dict())

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> JobSpec:
        """Builds a job from `to_dict`'s output.

        Raises:
            UsageError: A field is unknown, missing or out of range.
        """
        for name in values:
            if name not in _FIELDS:
                raise unknown("job field", name, sorted(_FIELDS))
        try:
            return JobSpec(**values)
        except TypeError as error:
            raise UsageError(f"This job cannot be read: {error}.") from error

    @cached_property
    def key(self) -> str:
        """The job key: 16 hexadecimal digits of the canonical JSON's SHA-256."""
        return _digest(self.to_dict())

    @cached_property
    def training_key(self) -> str:
        """Key of the trained model: the same for jobs that differ in their evaluation alone."""
        return training_key(self.to_dict())

    @cached_property
    def cell(self) -> str:
        """Key of the cell: the same for jobs that differ in seed and fold alone."""
        return _digest(self.to_dict(), without=("seed", "fold"))

    @cached_property
    def setting(self) -> str:
        """Key of the setting: the same for jobs that can be compared with each other."""
        varying = ("seed", "fold", "model", "parameters", "warmup_steps")
        return _digest(self.to_dict(), without=varying)

    @property
    def strength_name(self) -> str | None:
        """The hyperparameter that this model is swept over, if it has one."""
        return find_model(self.model).strength

    @property
    def strength(self) -> float | None:
        """The value of the swept hyperparameter, if the model has one."""
        name = self.strength_name
        return None if name is None else self.parameters[name]

    @property
    def unusual(self) -> dict[str, float]:
        """The hyperparameters, beside the swept one, that are not the model's defaults."""
        model = find_model(self.model)
        return {
            name: self.parameters[name]
            for name, default in model.defaults(self.steps).items()
            if name != model.strength and self.parameters[name] != default
        }

    @property
    def variant(self) -> tuple[float, ...]:
        """The hyperparameters that change how much a step computes: switches and counts."""
        parameters = find_model(self.model).parameters
        return tuple(self.parameters[p.name] for p in parameters if p.switch or p.whole)

    @property
    def strength_text(self) -> str:
        """How people name the cell beside its model, as in `beta=4` or `beta=4 stratified=1`."""
        name = self.strength_name
        chosen = {} if name is None else {name: self.parameters[name]}
        return " ".join(f"{name}={value:g}" for name, value in {**chosen, **self.unusual}.items())

    @property
    def label(self) -> str:
        """How people name the job: model, strength and seed."""
        fold = "" if self.fold is None else f"fold {self.fold}"
        parts = [self.model, self.strength_text, f"seed {self.seed}", fold]
        return " ".join(part for part in parts if part)


_FIELDS = tuple(f.name for f in dataclasses.fields(JobSpec))
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def training_key(values: Mapping[str, Any]) -> str:
    """Returns the training key of a job, as `JobSpec.to_dict` gives it."""
    return _digest(values, without=EVALUATION)


def _digest(values: Mapping[str, Any], without: Iterable[str] = ()) -> str:
    kept = {name: value for name, value in values.items() if name not in set(without)}
    return hashlib.sha256(_canonical(kept).encode()).hexdigest()[:16]
