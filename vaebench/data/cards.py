"""A card for each data set: what it is, whose, under which licence, whether it is here, a picture.

Cards of published data sets are made without opening them, so they are there before the files are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vaebench.data import OWN, cars3d, celeba, dsprites, load_dataset, mpi3d, shapes3d, smallnorb
from vaebench.data import dsprites_variants as variants
from vaebench.data.base import Dataset, data_folder
from vaebench.data.checking import checks_of
from vaebench.data.dsprites_drawing import SHAPES as SPRITE_SHAPES
from vaebench.data.grid import Grid
from vaebench.data.mnist import COLLECTIONS, NATIVE_SIZE, TEST_IMAGES, TRAIN_IMAGES
from vaebench.data.published import PUBLISHED
from vaebench.errors import unknown
from vaebench.hints import hint_data


@dataclass(frozen=True)
class About:
    """Whose a data set is.

    Attributes:
        title: Its name in the literature.
        citation: Authors, title, year and link of what to cite.
        licence: Its licence, or what its authors say of its use.
        url: Its home page.
    """

    title: str
    citation: str
    licence: str
    url: str


@dataclass(frozen=True)
class Contents:
    """What a data set consists of; see `base.Dataset` for all but `images`.

    Attributes:
        images: Their number.
        train_images: How many of them the published split has for training; 0 without a split.
    """

    images: int
    observation_shape: tuple[int, int, int]
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    label_names: tuple[str, ...] = ()
    train_images: int = 0
    stochastic: bool = False

    @property
    def examples(self) -> int:
        """How many images there are to train on."""
        return self.train_images or self.images


@dataclass(frozen=True)
class Card:
    """All there is to say about a data set.

    Attributes:
        name: The name that `load_dataset` takes.
        about: Whose it is.
        contents: What it consists of, at its native size.
        available: Whether it can be opened here and now. Names and sizes of its files are looked
            at, not their contents; for these see `checking.check`.
        where: The folder of its files, or where its images come from; if it is not available, how
            to get it.
        download_bytes: Size of the download, about, 0 where none is needed, None if not known.
        unpacked_bytes: Size of the images that are unpacked beside it at first use (see
            `unpacked`), 0 where none are, None if not known.
    """

    name: str
    about: About
    contents: Contents
    available: bool
    where: str
    download_bytes: int | None
    unpacked_bytes: int | None


def card(name: str, data_dir: str | Path | None = None) -> Card:
    """Makes the card of a data set.

    Args:
        name: A name that `load_dataset` takes.
        data_dir: Folder of downloaded data sets, else VAEBENCH_DATA, else ./data.

    Raises:
        UsageError: The name is not known.
        DataError: A user's own images cannot be opened.
    """
    folder = data_folder(data_dir)
    if name.partition(":")[0] in OWN and ":" in name:
        return _own(name, folder)
    if name not in PUBLISHED:
        raise unknown("data set", name, (*PUBLISHED, *(f"{own}:PATH" for own in OWN)))
    available, where = _whereabouts(name, folder)
    contents = CONTENTS[name]
    images = contents.images * int(np.prod(contents.observation_shape))
    return Card(
        name,
        ABOUT[name],
        contents,
        available,
        where,
        _download_bytes(name),
        images if name in ("smallnorb", "cars3d", "shapes3d", "celeba") else 0,
    )


def sample_picture(data: Dataset, rows: int = 3, columns: int = 8) -> bytes:
    """Shows some images of a data set, chosen at random but always the same ones.

    Args:
        data: The data set.
        rows: Rows of images.
        columns: Images in a row.

    Returns:
        A PNG picture of rows · H × columns · W pixels.
    """
    from PIL import Image

    chosen = np.random.default_rng(0).integers(0, len(data), rows * columns)
    channels, height, width = data.observation_shape
    images = data.observations(chosen).reshape(rows, columns, channels, height, width)
    grid = images.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(grid[..., 0] if channels == 1 else grid).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _own(name: str, folder: Path) -> Card:
    """The card of a user's own images, which are opened for it."""
    data = load_dataset(name, folder)
    about = About(name, "your own images", "yours to know", "")
    return Card(name, about, contents_of(data), True, data.source, 0, None)


def contents_of(data: Dataset) -> Contents:
    """Returns what an open data set consists of."""
    return Contents(
        len(data),
        data.observation_shape,
        data.factor_names,
        data.factor_sizes,
        data.label_names,
        len(data.train_indices) if data.has_split else 0,
        data.stochastic,
    )


def _whereabouts(name: str, folder: Path) -> tuple[bool, str]:
    """Whether the files of a published data set are here, and where they are or how to get them."""
    checks = {file: checks_of(name, file, folder, thorough=False) for file in PUBLISHED[name]}
    needed = [check for file, found in checks.items() if not file.optional for check in found]
    if not needed:
        official = dsprites.official_file(folder)
        return True, str(official) if official else "drawn from formulas, no file needed"
    if all(check.problem is None for check in needed):
        return True, str(needed[0].path.parent)
    if any(check.path.exists() for check in needed):
        parent = needed[0].path.parent
        return False, f"files in {parent} are not whole: {hint_data('check', name, folder)}"
    return False, hint_data("download", name, folder)


def _download_bytes(name: str) -> int | None:
    """Size of what must be downloaded, as far as it is known."""
    if name in mpi3d.VARIANTS:  # uncompressed images, of which no source gives the exact size
        return CONTENTS[name].images * int(np.prod(mpi3d.SHAPE))
    sizes = [file.bytes for file in PUBLISHED[name] if not file.optional]
    return None if None in sizes else sum(size for size in sizes if size is not None)


_LOCATELLO = (
    "Locatello, Bauer, Lucic, Rätsch, Gelly, Schölkopf and Bachem, Challenging common assumptions "
    "in the unsupervised learning of disentangled representations, 2019, "
    "https://arxiv.org/abs/1811.12359"
)
_MATTHEY = (
    "Matthey, Higgins, Hassabis and Lerchner, dSprites: Disentanglement testing Sprites dataset, "
    "2017, https://github.com/google-deepmind/dsprites-dataset"
)
_GONDAL = (
    "Gondal, Wüthrich, Miladinović, Locatello, Breidt, Volchkov, Akpo, Bachem, Schölkopf and "
    "Bauer, On the transfer of inductive bias from simulation to the real world: a new "
    "disentanglement dataset, 2019, https://arxiv.org/abs/1906.03292"
)
_STUDY = "https://github.com/google-research/disentanglement_lib"
_ARM = "https://github.com/rr-learning/disentanglement_dataset"

ABOUT: dict[str, About] = {
    "dsprites": About(
        "dSprites", _MATTHEY, "Apache-2.0", "https://github.com/google-deepmind/dsprites-dataset"
    ),
    "color_dsprites": About("Color-dSprites", f"{_MATTHEY}; {_LOCATELLO}", "Apache-2.0", _STUDY),
    "noisy_dsprites": About("Noisy-dSprites", f"{_MATTHEY}; {_LOCATELLO}", "Apache-2.0", _STUDY),
    "scream_dsprites": About(
        "Scream-dSprites",
        f"{_MATTHEY}; {_LOCATELLO}",
        "Apache-2.0; the picture (Munch, The Scream, 1893) is in the public domain",
        _STUDY,
    ),
    "smallnorb": About(
        "smallNORB",
        "LeCun, Huang and Bottou, Learning methods for generic object recognition with invariance "
        "to pose and lighting, CVPR 2004",
        "for research purposes; it cannot be sold",
        "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    ),
    "cars3d": About(
        "Cars3D",
        "Reed, Zhang, Zhang and Lee, Deep visual analogy-making, NeurIPS 2015, "
        "https://papers.nips.cc/paper/5845-deep-visual-analogy-making",
        "none stated",
        "http://www.scottreed.info",
    ),
    "shapes3d": About(
        "3D Shapes",
        "Burgess and Kim, 3D Shapes dataset, 2018, https://github.com/google-deepmind/3d-shapes; "
        "Kim and Mnih, Disentangling by factorising, ICML 2018, https://arxiv.org/abs/1802.05983",
        "Apache-2.0",
        "https://github.com/google-deepmind/3d-shapes",
    ),
    "mpi3d_toy": About("MPI3D toy", _GONDAL, "CC BY 4.0", _ARM),
    "mpi3d_realistic": About("MPI3D realistic", _GONDAL, "CC BY 4.0", _ARM),
    "mpi3d_real": About("MPI3D real", _GONDAL, "CC BY 4.0", _ARM),
    "mnist": About(
        "MNIST",
        "LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document "
        "recognition, 1998, https://doi.org/10.1109/5.726791",
        "none stated by its authors; often given as CC BY-SA 3.0",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": About(
        "Fashion-MNIST",
        "Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine "
        "learning algorithms, 2017, https://arxiv.org/abs/1708.07747",
        "MIT",
        "https://github.com/zalandoresearch/fashion-mnist",
    ),
    "celeba": About(
        "CelebA",
        "Liu, Luo, Wang and Tang, Deep learning face attributes in the wild, ICCV 2015, "
        "https://arxiv.org/abs/1411.7766",
        "for non-commercial research purposes only; see the home page",
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    ),
}


def _of_grid(
    grid: Grid, shape: tuple[int, int, int], labels: tuple[str, ...], *, stochastic: bool = False
) -> Contents:
    images = int(np.prod(grid.sizes))
    return Contents(images, shape, grid.names, grid.sizes, labels, stochastic=stochastic)


CONTENTS: dict[str, Contents] = {
    "dsprites": _of_grid(dsprites.GRID, dsprites.DSprites.observation_shape, SPRITE_SHAPES),
    **{
        name: _of_grid(variants.GRID, variants.SHAPE, SPRITE_SHAPES, stochastic=True)
        for name in ("color_dsprites", "noisy_dsprites", "scream_dsprites")
    },
    "smallnorb": Contents(
        int(np.prod(smallnorb.TOYS.sizes)),
        smallnorb.SHAPE,
        smallnorb.FACTOR_NAMES,
        smallnorb.FACTOR_SIZES,
        smallnorb.CATEGORIES,
    ),
    "cars3d": _of_grid(cars3d.GRID, cars3d.SHAPE, cars3d.LABELS),
    "shapes3d": _of_grid(shapes3d.GRID, shapes3d.SHAPE, shapes3d.SHAPES),
    **{
        name: _of_grid(Grid(mpi3d.NAMES, mpi3d.SIZES), mpi3d.SHAPE, mpi3d.SHAPES)
        for name in mpi3d.VARIANTS
    },
    **{
        name: Contents(
            TRAIN_IMAGES + TEST_IMAGES,
            (1, NATIVE_SIZE, NATIVE_SIZE),
            label_names=COLLECTIONS[name].label_names,
            train_images=TRAIN_IMAGES,
        )
        for name in COLLECTIONS
    },
    "celeba": Contents(
        celeba.IMAGES,
        celeba.SHAPE,
        label_names=celeba.LABEL_NAMES,
        train_images=celeba.TRAIN_IMAGES,
    ),
}
