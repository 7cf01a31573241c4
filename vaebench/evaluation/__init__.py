"""Evaluation of a trained model: encode once, then every figure and picture that is stored."""

from vaebench.evaluation.encoder import ENCODE_BATCH, Encoder, encode_batch
from vaebench.evaluation.likelihood import likelihood_scores
from vaebench.evaluation.pictures import pictures
from vaebench.evaluation.representation import representation_scores
from vaebench.evaluation.samples import held_out, images_encoded, shared_examples

__all__ = [
    "ENCODE_BATCH",
    "Encoder",
    "encode_batch",
    "held_out",
    "images_encoded",
    "likelihood_scores",
    "pictures",
    "representation_scores",
    "shared_examples",
]
