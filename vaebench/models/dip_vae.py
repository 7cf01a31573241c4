"""Models that bring the covariance of the latents to the identity: `dipvae_i` and `dipvae_ii`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor

SOURCE = Source(
    authors="Kumar et al.",
    year=2018,
    paper="Variational Inference of Disentangled Latent Concepts from Unlabeled Observations",
    place="equations 6 and 7",
    link="https://arxiv.org/abs/1711.00848",
)


def covariance(mu: Tensor) -> Tensor:
    """Covariance of the columns of [B, D] over the batch, divided by B, [D, D]."""
    centred = mu - mu.mean(0)
    return centred.mT @ centred / len(mu)


def identity_penalty(matrix: Tensor, off_diagonal: Tensor, diagonal: Tensor) -> Tensor:
    """Weighted sum of a matrix' squared distances from the identity.

    Args:
        matrix: The matrix, [D, D].
        off_diagonal: Weight of each entry off the diagonal, 0-dimensional.
        diagonal: Weight of each entry on the diagonal, 0-dimensional.
    """
    import torch

    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    weights = torch.where(identity > 0, diagonal, off_diagonal)
    return (weights * (matrix - identity).square()).sum()


def dip_vae_i(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + KL + distance of Cov[mu] from the identity: equation 6.

    Args:
        terms: The batch.
        hyper: `lambda_od`, the weight of entries off the diagonal, and `lambda_d_factor`, that of
            entries on it in units of `lambda_od`; 0-dimensional.
        step: Steps done before this one.
    """
    del step
    return terms.negative_elbo + _penalty(covariance(terms.mu), hyper)


def dip_vae_ii(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + KL + distance of Cov[z] = Cov[mu] + E[posterior covariance]: equation 7.

    Args:
        terms: The batch.
        hyper: `lambda_od` and `lambda_d_factor`, as of `dip_vae_i`.
        step: Steps done before this one.
    """
    import torch

    del step
    spread = torch.diag_embed(terms.logvar.exp().mean(0))
    return terms.negative_elbo + _penalty(covariance(terms.mu) + spread, hyper)


def _penalty(matrix: Tensor, hyper: Mapping[str, Tensor]) -> Tensor:
    diagonal = hyper["lambda_d_factor"] * hyper["lambda_od"]
    return identity_penalty(matrix, hyper["lambda_od"], diagonal)


DIP_VAE_I = Model(
    name="dipvae_i",
    title="DIP-VAE-I",
    source=SOURCE,
    objective=dip_vae_i,
    parameters=(
        Parameter("lambda_od", 10.0, symbol="λ_od"),
        Parameter("lambda_d_factor", 10.0),
    ),
    strength="lambda_od",
    colour="#56b4e9",
    marker="<",
)

DIP_VAE_II = Model(
    name="dipvae_ii",
    title="DIP-VAE-II",
    source=SOURCE,
    objective=dip_vae_ii,
    parameters=(
        Parameter("lambda_od", 10.0, symbol="λ_od"),
        Parameter("lambda_d_factor", 1.0),
    ),
    strength="lambda_od",
    colour="#8c5a2b",
    marker=">",
)
