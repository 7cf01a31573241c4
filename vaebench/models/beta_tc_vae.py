"""The beta-VAE that weighs the total correlation: `btcvae`.

The total correlation is the KL of the aggregate posterior q(z) from the product of its marginals
q(z_d). Neither is known in closed form: both are estimated from the posteriors of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from vaebench.models.beta_vae import ramp
from vaebench.priors import log_normal
from vaebench.protocols import Terms
from vaebench.records import Model, Parameter, Source

if TYPE_CHECKING:
    from torch import Tensor


class Decomposition(NamedTuple):
    """The KL of the posterior from the prior in three parts, nats, 0-dimensional.

    Attributes:
        mutual_information: Of example and latents, E[log q(z|x) - log q(z)].
        total_correlation: E[log q(z) - sum of log q(z_d)].
        dimension_wise_kl: E[sum of log q(z_d) - log p(z)].
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def decompose(z: Tensor, mu: Tensor, logvar: Tensor, log_weights: Tensor) -> Decomposition:
    """Decomposes the KL, with q estimated by the weighted posteriors of the batch.

    q(z_j) is sum_i w_ji q(z_j|x_i), and likewise each q(z_jd). The parts sum to the mean of
    log q(z|x) - log p(z) over the batch, whatever the weights.

    Args:
        z: Latents, one draw from each posterior, [B, D].
        mu: Posterior means, [B, D].
        logvar: Logarithms of the posterior variances, [B, D].
        log_weights: log w_ji, or what broadcasts to it, [B, B].

    References:
        Isolating Sources of Disentanglement in Variational Autoencoders, Chen et al., 2018,
        equation 2, https://arxiv.org/abs/1802.04942
    """
    import torch

    log_q = log_normal(z[:, None], mu[None], logvar[None])  # of latent d of z_j given x_i
    own = log_normal(z, mu, logvar).sum(1)
    joint = (log_q.sum(2) + log_weights).logsumexp(1)
    marginals = (log_q + log_weights[..., None]).logsumexp(1).sum(1)
    prior = log_normal(z, torch.zeros_like(z), torch.zeros_like(z)).sum(1)
    return Decomposition(
        (own - joint).mean(), (joint - marginals).mean(), (marginals - prior).mean()
    )


def stratified_log_weights(batch: int, examples: Tensor) -> Tensor:
    """Weights of minibatch-stratified sampling: the expected estimate of q(z) is q(z).

    A batch of M + 1 from N examples is the example that z was drawn from, weight 1/N, and M
    others that stand for the N - 1 others: M - 1 of weight 1/M and one of (N - M) / (N·M), so
    that all sum to 1. Here that one is the next in the batch.

    Args:
        batch: Examples in the batch, M + 1.
        examples: Examples in the training set, N, 0-dimensional.

    Returns:
        log w_ji, [B, B]; -inf where a weight is 0.

    References:
        Isolating Sources of Disentanglement in Variational Autoencoders, Chen et al., 2018,
        appendix C.2, https://arxiv.org/abs/1802.04942
    """
    import torch

    others = max(batch - 1, 1)
    own = torch.eye(batch, dtype=torch.bool, device=examples.device)
    share = torch.where(own.roll(1, dims=1), (examples - others) / examples, 1.0) / others
    return torch.where(own, 1 / examples, share.clamp(min=0)).log()


def beta_tc_vae(terms: Terms, hyper: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """Reconstruction + alpha · mutual information + beta · total correlation + gamma · rest.

    The rest is the dimension-wise KL. The three sum to the KL, which is known exactly, so that
    the loss is written reconstruction + KL + (alpha - 1) · mutual information + (beta - 1) ·
    total correlation + (gamma - 1) · dimension-wise KL: what has weight 1 is not estimated. With
    alpha = gamma = 1 this is the study's KL + (beta - 1) · total correlation.

    With `stratified` 0, all of a batch's posteriors weigh 1, as in the study (minibatch-weighted
    sampling without its constant): the gradient is that of the paper's weights 1 / (B·N), and the
    estimate of the total correlation is low by (D - 1)·log(B) against the batch's own mixture.
    With 1, they weigh as in the paper's minibatch-stratified sampling.

    Args:
        terms: The batch.
        hyper: `alpha`, `beta`, `gamma`, `stratified` (0 or 1), `examples` (in the training set)
            and `warmup` (steps over which beta grows from 0), 0-dimensional.
        step: Steps done before this one.
    """
    import torch

    beta = hyper["beta"] * ramp(step, hyper["warmup"])
    stratified = stratified_log_weights(len(terms.z), hyper["examples"])
    weighted = torch.zeros_like(stratified)
    log_weights = torch.where(hyper["stratified"] > 0, stratified, weighted)
    parts = decompose(terms.z, terms.mu, terms.logvar, log_weights)
    return (
        terms.reconstruction.mean()
        + terms.kl.sum(1).mean()
        + (hyper["alpha"] - 1) * parts.mutual_information
        + (beta - 1) * parts.total_correlation
        + (hyper["gamma"] - 1) * parts.dimension_wise_kl
    )


BETA_TC_VAE = Model(
    name="btcvae",
    title="beta-TCVAE",
    source=Source(
        authors="Chen et al.",
        year=2018,
        paper="Isolating Sources of Disentanglement in Variational Autoencoders",
        place="equation 4 and appendix C",
        link="https://arxiv.org/abs/1802.04942",
    ),
    objective=beta_tc_vae,
    parameters=(
        Parameter("alpha", 1.0, symbol="α"),
        Parameter("beta", 6.0, symbol="β"),
        Parameter("gamma", 1.0, symbol="γ"),
        Parameter("stratified", 0.0, switch=True),
    ),
    strength="beta",
    warmup=True,
    colour="#e69f00",
    marker="v",
)
