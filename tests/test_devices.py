"""Devices and precisions: which are chosen, and what is said of those that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import two_gpus
from vaebench.context import WorkerContext
from vaebench.devices import device_like, resolve_device, resolve_devices, resolve_precision
from vaebench.errors import UsageError
from vaebench.gpu import first_sign, of_gpu, poisoned
from vaebench.memory import ran_out
from vaebench.training import arithmetic, set_precision


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    two_gpus.install(monkeypatch.setattr)


@pytest.mark.usefixtures("gpus")
def test_gpus_have_an_index_and_all_are_taken_unless_one_is_named() -> None:
    assert resolve_devices("auto") == resolve_devices("cuda") == ("cuda:0", "cuda:1")
    assert resolve_devices("cuda:1") == resolve_devices("cuda:01") == ("cuda:1",)
    assert resolve_device("cuda") == "cuda:0"
    assert resolve_devices("cpu") == ("cpu",)


@pytest.mark.usefixtures("gpus")
def test_a_device_that_is_not_there_is_one_line_that_says_which_are() -> None:
    with pytest.raises(UsageError) as caught:
        resolve_devices("cuda:7")
    wanted = "--device cuda:7 is not on this machine. It has: cuda:0, cuda:1, cpu."
    assert str(caught.value) == wanted
    for name in ("cuda:", "cuda:-1", "cuda:1:0", "cuda:²", "cpu:0", "gpu", ""):
        with pytest.raises(UsageError, match="Unknown device"):
            resolve_devices(name)


@pytest.mark.usefixtures("gpus")
def test_a_stored_run_is_computed_again_on_its_own_device_or_one_of_its_kind() -> None:
    assert device_like("cuda:1") == "cuda:1"
    assert device_like("cuda:5") == device_like("cuda") == "cuda:0"
    assert device_like("cpu") == "cpu"


def test_workers_take_the_devices_in_turn() -> None:
    context = WorkerContext(out=Path("out"), devices=("cuda:0", "cuda:1"), threads=2)
    bound = context.bound(3)
    assert [worker.device for worker in bound] == ["cuda:0", "cuda:1", "cuda:0"]
    assert {(worker.out, worker.threads) for worker in bound} == {(Path("out"), 2)}


@pytest.mark.usefixtures("gpus")
def test_tf32_is_a_precision_of_gpus_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_precision("tf32", "cuda:0") == "tf32"
    assert resolve_precision("auto", "cuda:0") == "bf16"
    for device in ("cpu", "mps"):
        with pytest.raises(UsageError, match=f"tf32 is not on {device}"):
            resolve_precision("tf32", device)
        with pytest.raises(UsageError, match="tf32 cannot be computed"):
            set_precision("tf32", device)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(UsageError, match=r"compute capability 8\.0"):
        resolve_precision("tf32", "cuda:0")


@pytest.mark.parametrize(
    ("precision", "switch"), [("tf32", "tf32"), ("fp32", "ieee"), ("bf16", "ieee")]
)
def test_only_tf32_rounds_to_tf32(precision: str, switch: str) -> None:
    """cuDNN's own default rounds; a job before this one may have asked for it, too."""
    set_precision("tf32", "cuda:0")
    set_precision(precision, "cuda:0")
    assert torch.backends.cuda.matmul.fp32_precision == switch
    assert torch.backends.cudnn.conv.fp32_precision == switch  # type: ignore[attr-defined]
    set_precision("fp32", "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "exact"), [("fp32", True), ("tf32", False)])
def test_on_a_gpu_fp32_has_all_its_bits(precision: str, exact: bool, device: str) -> None:
    """Products of sums of 2,048: rounding to 10 bits shows, rounding to 23 bits does not."""
    set_precision(precision, device)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 128, 16, 16, generator=generator, dtype=torch.float64)
    kernel = torch.randn(64, 128, 4, 4, generator=generator, dtype=torch.float64)
    left, right = x.flatten(1).T[:2048], x.flatten(1)[:, :512]
    for compute, operands in (
        (torch.nn.functional.conv2d, (x, kernel)),
        (torch.matmul, (left, right)),
    ):
        expected = compute(*operands)
        found = compute(*(value.float().to(device) for value in operands)).double().cpu()
        error = (found - expected).norm() / expected.norm()
        assert (error < 1e-5) == exact, (compute, error)
    set_precision("fp32", device)


@pytest.mark.usefixtures("gpus")
def test_the_environment_says_what_chooses_kernels() -> None:
    found = arithmetic("cuda:1")
    assert (found["multiprocessors"], found["compute_capability"]) == (108, "8.0")
    assert found["cudnn"] == torch.backends.cudnn.version()
    assert {"cuda", "driver"} <= set(found)
    here = arithmetic("cpu")
    assert set(here) <= {"cpu_family", "cpu_model"}
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if "cpu family" in text:
        assert f"cpu family\t: {here['cpu_family']}\n" in text


@pytest.mark.parametrize(
    "text",
    [
        two_gpus.LOST,
        two_gpus.GONE,
        "AcceleratorError: CUDA error: unspecified launch failure",
        "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`",
        "HIP error: invalid device function",
    ],
)
def test_what_ends_a_processs_use_of_a_gpu_is_told_from_what_does_not(text: str) -> None:
    assert poisoned(text)
    assert not ran_out(text)
    assert first_sign(f"Traceback\n{text}") == text.splitlines()[0]


def test_memory_that_ran_out_on_a_gpu_is_told_from_the_machines() -> None:
    for text in (two_gpus.FULL, "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory"):
        assert ran_out(text)
        assert of_gpu(text)
    assert not of_gpu("MemoryError: Unable to allocate 3.00 GiB for an array")
    for text in ("Expected all tensors to be on the same device, cuda:0 and cpu!", "ValueError: 3"):
        assert not poisoned(text)
        assert not ran_out(text)
