"""A trained model as functions of NumPy arrays: encode, decode, reconstruct, sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaebench.errors import DataError, UsageError
from vaebench.outputs import Outputs, is_url
from vaebench.spec import JobSpec

if TYPE_CHECKING:
    from vaebench.networks.vae import VAE

BATCH = 256
"""Examples that go through the network at once."""

Pictures = NDArray[np.float32]


def load_model(out: str | Path, key: str) -> TrainedModel:
    """Loads a trained model by its run's key.

    Args:
        out: Folder or URL of the sweep, or of `models` in it.
        key: Key of the run, or its first digits.

    Returns:
        The model, on the CPU.

    Raises:
        UsageError: No model or more than one has a key that begins so.
        DamagedError: The file is damaged.
        VaebenchError: This vaebench does not know such a job.
        OutputError: The URL cannot be read.

    Example:
        >>> model = load_model(folder, key)
        >>> images = load_dataset("dsprites").observations([0, 1])
        >>> model.encode(images).shape, model.reconstruct(images).shape, model.sample(3).shape
        ((2, 10), (2, 1, 64, 64), (3, 1, 64, 64))
    """
    from vaebench.saved import load_model as read
    from vaebench.store import recall_plugins

    remote = Outputs.of_models(out) if is_url(out) else None
    if remote is not None:
        models = remote.folder / "models"
        found = sorted(models / name for name in remote.sizes("models") if name.endswith(".pt"))
    else:
        models = Path(out) / "models" if (Path(out) / "models").is_dir() else Path(out)
        found = sorted(models.glob("*.pt"))
    matching = [file for file in found if file.stem.startswith(key.lower())]
    if len(matching) != 1 or not key:
        what = f"{len(matching):,} begin so: give more digits" if matching else "none begins so"
        raise UsageError(
            f"There is no one model of key {key!r} among the {len(found):,} in "
            f"{remote or models}: {what}."
        )
    if remote is not None:
        remote.fetch(f"models/{matching[0].name}")
    recall_plugins(str(models.parent / "results.db"))
    spec, model = read(matching[0])
    return TrainedModel(spec, model)


class TrainedModel:
    """A trained model: arrays in, arrays out, example by example.

    Images are float32 or float64 in [0, 1], or uint8, [N, C, H, W]; smaller ones than the model's
    get the black margin that they were trained with. Codes are float32 [N, D].

    Args:
        spec: The job that it was trained by.
        model: The network, ready to evaluate.

    Attributes:
        spec: The job: model, hyperparameters, seed, data set.
        module: The `torch.nn.Module`.
    """

    def __init__(self, spec: JobSpec, model: VAE) -> None:
        self.spec = spec
        self.module = model

    def __repr__(self) -> str:
        return f"<TrainedModel {self.spec.key}: {self.spec.dataset}, {self.spec.label}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        shape = self.module.network.shape
        assert shape is not None
        channels, height, width = shape
        return channels, height, width

    def encode(self, images: ArrayLike, labels: ArrayLike | None = None) -> NDArray[np.float32]:
        """Returns the representation: the posterior's means, float32 [N, D].

        Args:
            images: Images [N, C, H, W].
            labels: Class of each, int [N]; for conditional models.

        Raises:
            DataError: The images are none that the model takes, or it needs labels.
        """
        return self.posterior(images, labels)[0]

    def posterior(
        self, images: ArrayLike, labels: ArrayLike | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Returns the posterior's means and standard deviations, float32 [N, D] each.

        Args:
            images: Images [N, C, H, W].
            labels: Class of each, int [N]; for conditional models.

        Raises:
            DataError: The images are none that the model takes, or it needs labels.
        """
        pixels, _ = self._pixels(images)
        named = self._labels(labels, len(pixels))
        means, widths = [], []
        for place in _parts(len(pixels)):
            mu, logvar = _run(self.module.encode, pixels, named, place)
            means.append(mu.numpy())
            widths.append(np.exp(0.5 * logvar.numpy()))
        return np.concatenate(means), np.concatenate(widths)

    def decode(self, z: ArrayLike, labels: ArrayLike | None = None) -> Pictures:
        """Returns the pictures of codes: each pixel's mean in [0, 1], float32 [N, C, H, W].

        Args:
            z: Codes, [N, D].
            labels: Class of each, int [N]; for conditional models.

        Raises:
            DataError: The codes are of another number of latents, or the model needs labels.
        """
        codes = np.asarray(z, dtype=np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.spec.latent_dim:
            raise DataError(
                f"The codes are {list(codes.shape)}: this model takes [N, {self.spec.latent_dim}]."
            )
        named = self._labels(labels, len(codes))
        pictures = []
        for place in _parts(len(codes)):
            output = _run(self.module.decode, codes, named, place)
            bernoulli = self.spec.likelihood == "bernoulli"
            pictures.append((output.sigmoid() if bernoulli else output.clamp(0, 1)).numpy())
        return np.concatenate(pictures)

    def reconstruct(self, images: ArrayLike, labels: ArrayLike | None = None) -> Pictures:
        """Returns the pictures of images' codes, in [0, 1], float32 and of the images' shape.

        Args:
            images: Images [N, C, H, W].
            labels: Class of each, int [N]; for conditional models.

        Raises:
            DataError: The images are none that the model takes, or it needs labels.
        """
        _, margin = self._pixels(np.asarray(images)[:1])
        decoded = self.decode(self.encode(images, labels), labels)
        return decoded[:, :, margin : decoded.shape[2] - margin, margin : decoded.shape[3] - margin]

    def sample(self, n: int, labels: ArrayLike | None = None, *, seed: int = 0) -> Pictures:
        """Returns pictures of latents drawn from the prior, in [0, 1], float32 [N, C, H, W].

        Args:
            n: Number of pictures.
            labels: Class of each, int [N], or one for all; for conditional models.
            seed: Same seed, same pictures.

        Raises:
            DataError: The model needs labels.
            UsageError: The model has no prior: an autoencoder.
        """
        if not self.module.stochastic:
            raise UsageError(f"Model {self.spec.model!r} has no prior to draw from.")
        import torch

        from vaebench.streams import torch_generator

        with torch.inference_mode():
            z = self.module.prior().sample(n, torch_generator(seed, "samples"))
        return self.decode(z, labels)

    def _pixels(self, images: ArrayLike) -> tuple[NDArray[np.float32], int]:
        """Returns images in [0, 1] of the model's size, and the margin that they were given."""
        given = np.asarray(images)
        channels, height, width = self.shape
        if given.ndim != 4 or given.shape[1] != channels or given.shape[2] != given.shape[3]:
            raise DataError(
                f"The images are {list(given.shape)}: this model takes [N, {channels}, {height}, "
                f"{width}], example first."
            )
        margin, odd = divmod(height - given.shape[2], 2)
        if margin < 0 or odd:
            raise DataError(
                f"The images are {given.shape[2]}×{given.shape[3]}: this model takes "
                f"{height}×{width}, or smaller ones that a black margin makes so."
            )
        if given.dtype == np.uint8:
            pixels = given.astype(np.float32) / np.float32(255)
        elif given.dtype.kind == "f" and given.size and 0 <= given.min() <= given.max() <= 1:
            pixels = given.astype(np.float32)
        else:
            seen = f"{given.min():g} to {given.max():g}" if given.size else "none"
            raise DataError(
                f"The images are {given.dtype}, {seen}: give uint8 of 0 to 255, or float in [0, 1]."
            )
        edge = (margin, margin)
        return np.pad(pixels, ((0, 0), (0, 0), edge, edge)), margin

    def _labels(self, labels: ArrayLike | None, count: int) -> NDArray[np.int64] | None:
        if not self.module.conditional:
            return None
        known = self.module.labels
        if labels is None:
            raise DataError(
                f"Model {self.spec.model!r} is conditional: give labels, whole numbers from 0 to "
                f"{known - 1}."
            )
        given = np.asarray(labels)
        if given.dtype.kind not in "iu" or given.shape not in {(), (count,)}:
            raise DataError(
                f"The labels are {given.dtype} {list(given.shape)}: give int [{count}]."
            )
        if given.size and not (given.min() >= 0 and given.max() < known):
            raise DataError(f"A label is out of range: they are from 0 to {known - 1}.")
        return np.broadcast_to(given.astype(np.int64), (count,)).copy()


def _parts(count: int) -> list[slice]:
    return [slice(start, start + BATCH) for start in range(0, max(count, 1), BATCH)]


def _run(
    function: Callable[..., Any],
    values: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    place: slice,
) -> Any:
    """Calls a part of the network on a part of the examples."""
    import torch

    label = None if labels is None else torch.from_numpy(labels[place])
    with torch.inference_mode():
        return function(torch.from_numpy(np.ascontiguousarray(values[place])), label)
