"""Signs of a GPU in trouble: in errors, and in a dying process's last words."""

from __future__ import annotations

import re

_SIGNS = re.compile(
    r"\b(CUDA|HIP|cuDNN|MIOpen|NCCL)( driver| runtime)? error\b"
    r"|\b(CUDNN|CUBLAS|CUBLASLT|CUSPARSE|CUSOLVER|CUFFT)_STATUS_|\bhip(Error|BLAS_STATUS_)"
    r"|unspecified launch failure|device-side assert|uncorrectable ECC",
    re.IGNORECASE,
)
_MEMORY = re.compile(r"\b(CUDA|HIP|MPS|CUBLAS|GPU)(\b|_)", re.IGNORECASE)


def poisoned(text: str) -> bool:
    """Says whether a message is about a GPU that failed, which ends the process's use of it.

    After such an error (an illegal access, a failed launch, a device that fell off the bus) each
    later call of the process fails too, so that it is good for no other job. Memory that ran out
    is none of them: see `memory.ran_out`, which is to be asked first.
    """
    return bool(_SIGNS.search(text))


def first_sign(text: str) -> str:
    """Returns the first line of a text that says so, or an empty one."""
    return next((line.strip() for line in text.splitlines() if poisoned(line)), "")


def of_gpu(text: str) -> bool:
    """Says of a message about memory that ran out whether that was a GPU's."""
    return bool(_MEMORY.search(text))
