"""InfoVAE with the maximum mean discrepancy, of which WAE-MMD is the case alpha 1: `infovae`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor


def inverse_multiquadratic(x: Tensor, y: Tensor) -> Tensor:
    """The kernel C / (C + |x - y|²) of all pairs, with C = 2·D, [N, M].

    C is the expected squared distance of two draws from N(0, I).

    Args:
        x: Latents, [N, D].
        y: Latents, [M, D].

    References:
        Wasserstein Auto-Encoders, Tolstikhin, Bousquet, Gelly & Schölkopf, 2018, section 4,
        https://arxiv.org/abs/1711.01558
    """
    scale = 2.0 * x.shape[1]
    return scale / (scale + (x[:, None] - y[None]).square().sum(2))


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Estimates the squared maximum mean discrepancy of two distributions from draws of each.

    The estimate is without bias (a pair of a draw with itself is left out), and so can be below 0.

    Args:
        x: Draws of the one, [N, D], two or more.
        y: Draws of the other, [N, D].

    Returns:
        E[k(x, x')] + E[k(y, y')] - 2·E[k(x, y)], 0-dimensional.

    References:
        A Kernel Two-Sample Test, Gretton et al., 2012, equation 3,
        https://jmlr.org/papers/v13/gretton12a.html
        Wasserstein Auto-Encoders, Tolstikhin, Bousquet, Gelly & Schölkopf, 2018, algorithm 2,
        https://arxiv.org/abs/1711.01558
    """
    count = len(x)
    within = inverse_multiquadratic(x, x).sum() + inverse_multiquadratic(y, y).sum() - 2 * count
    between = inverse_multiquadratic(x, y).mean()
    return within / (count * (count - 1)) - 2 * between


def info_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + (1 - alpha) · KL + (alpha + lambda - 1) · MMD² of q(z) and the prior.

    The aggregate posterior q(z) is known by the batch's draws, the prior by as many of its own,
    other ones each step.

    Args:
        terms: The batch.
        hyper: `alpha` and `lambda`, 0-dimensional.
        step: Steps done before this one.
    """
    del step
    drawn = terms.prior.sample(len(terms.z), terms.generator).to(terms.z.dtype)
    return (
        terms.reconstruction.mean()
        + (1 - hyper["alpha"]) * terms.kl.sum(1).mean()
        + (hyper["alpha"] + hyper["lambda"] - 1) * squared_mmd(terms.z, drawn)
    )


INFO_VAE = Model(
    name="infovae",
    title="InfoVAE",
    source=Source(
        authors="Zhao et al.",
        year=2017,
        paper="InfoVAE: Information Maximizing Variational Autoencoders",
        place="equation 6",
        link="https://arxiv.org/abs/1706.02262",
    ),
    objective=info_vae,
    parameters=(
        Parameter("alpha", 0.0, symbol="α", most=1.0),
        Parameter("lambda", 1000.0, symbol="λ"),
    ),
    strength="lambda",
    least_batch=2,
    colour="#b2182b",
    marker="p",
)
