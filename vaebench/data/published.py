"""Where the data sets are published: addresses, sizes and checksums of their files.

Checksums were taken from public sources, since these files cannot be had where this was written:
tensorflow_datasets' url_checksums (smallNORB, 3D Shapes; SHA-256 and size), torchvision (MNIST,
Fashion-MNIST, CelebA; MD5), and several independent loaders on GitHub (dSprites, Cars3D, MPI3D;
MD5). None is known of the picture for Scream-dSprites. Sizes are None where no source gives one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vaebench.data import celeba, mpi3d, shapes3d, smallnorb
from vaebench.data.dsprites import OFFICIAL_FILE
from vaebench.data.dsprites_variants import SCREAM_FILE
from vaebench.errors import UsageError, unknown


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Attributes:
        name: Its name in the data folder, before it is unpacked.
        folder: Where it goes, below the data folder.
        urls: Its addresses; the next one is tried if one fails.
        checksum: `sha256:` or `md5:` and the digits, or None if none is known.
        bytes: Its size, or None if it is not known.
        unpack: Whether what is kept is the file as it is, the one that is in it (`gz`), or the
            ones that the data set needs of those in it (`tar`, `zip`).
        optional: Whether the data set can do without.
    """

    name: str
    folder: str
    urls: tuple[str, ...]
    checksum: str | None
    bytes: int | None = None
    unpack: Literal["gz", "tar", "zip"] | None = None
    optional: bool = False


def _dsprites() -> tuple[RemoteFile, ...]:
    address = f"https://github.com/google-deepmind/dsprites-dataset/raw/master/{OFFICIAL_FILE}"
    checksum = "md5:7da33b31b13a06f4b04a70402ce90c2e"
    return (RemoteFile(OFFICIAL_FILE, "dsprites", (address,), checksum, optional=True),)


def _scream() -> tuple[RemoteFile, ...]:
    address = "https://upload.wikimedia.org/wikipedia/commons/f/f4/The_Scream.jpg"
    return (RemoteFile(SCREAM_FILE, "scream", (address,), None), *_dsprites())


def _smallnorb() -> tuple[RemoteFile, ...]:
    sums = (
        ("5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873", 131_896_188),
        ("2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa", 348),
        ("de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32", 71_052),
        ("cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474", 130_799_817),
        ("ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff", 347),
        ("16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2", 10_428),
    )
    names = [f"{part}-{kind}.mat.gz" for part in smallnorb.PARTS for kind in smallnorb.KINDS]
    servers = ("https://cs.nyu.edu/~ylclab/data", "https://cs.nyu.edu/~yann/data")
    return tuple(
        RemoteFile(
            name,
            smallnorb.FOLDERS[0],
            tuple(f"{server}/norb-v1.0-small/{name}" for server in servers),
            f"sha256:{digits}",
            size,
        )
        for name, (digits, size) in zip(names, sums, strict=True)
    )


def _cars3d() -> tuple[RemoteFile, ...]:
    name = "nips2015-analogy-data.tar.gz"
    address = f"http://www.scottreed.info/files/{name}"
    checksum = "md5:4e866a7919c1beedf53964e6f7a23686"
    return (RemoteFile(name, "cars3d", (address,), checksum, unpack="tar"),)


def _shapes3d() -> tuple[RemoteFile, ...]:
    address = f"https://storage.googleapis.com/3d-shapes/{shapes3d.FILE}"
    checksum = "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785"
    return (RemoteFile(shapes3d.FILE, shapes3d.FOLDERS[0], (address,), checksum, 267_573_662),)


def _mpi3d(name: str, digits: str) -> tuple[RemoteFile, ...]:
    server = "https://storage.googleapis.com/disentanglement_dataset/Final_Dataset"
    return (RemoteFile(f"{name}.npz", name, (f"{server}/{name}.npz",), f"md5:{digits}"),)


def _mnist(
    folder: str, servers: tuple[str, ...], sums: tuple[tuple[str, int], ...]
) -> tuple[RemoteFile, ...]:
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    return tuple(
        RemoteFile(
            name,
            f"{folder}/raw",
            tuple(server + name for server in servers),
            f"md5:{digits}",
            size,
            "gz",
        )
        for name, (digits, size) in zip(names, sums, strict=True)
    )


def _celeba() -> tuple[RemoteFile, ...]:
    archive = "img_align_celeba.zip"
    identities = (
        "0B7EVK8r0v71pblRyaVFSWGxPY0U",
        "1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS",
        "0B7EVK8r0v71pbThiMVRxWXZ4dU0",
        "0B7EVK8r0v71pd0FJY3Blby1HUTQ",
        "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
        "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
    )
    sums = (
        ("75e246fa4810816ffd6ee81facbd244c", 26_721_026),
        ("32bd1bd63d3c78cd57e08160ec5ed1e2", None),
        ("00566efa6fedff7a56946cd1c10f1c16", None),
        ("cc24ecafdb5b50baae59b03474781f8c", 12_156_055),
        ("d32c9cbf5e040fd4025c592c306e6668", 2_836_386),
        ("00d2c5bc6d35e252742224ab0c1e8fcb", 1_443_490_838),
    )
    server = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
    return tuple(
        RemoteFile(
            name,
            celeba.FOLDER,
            (server + identity,),
            f"md5:{digits}",
            size,
            "zip" if name == archive else None,
        )
        for name, identity, (digits, size) in zip(
            (*celeba.LISTS, archive), identities, sums, strict=True
        )
    )


PUBLISHED: dict[str, tuple[RemoteFile, ...]] = {
    "dsprites": _dsprites(),
    "color_dsprites": _dsprites(),
    "noisy_dsprites": _dsprites(),
    "scream_dsprites": _scream(),
    "smallnorb": _smallnorb(),
    "cars3d": _cars3d(),
    "shapes3d": _shapes3d(),
    **{
        name: _mpi3d(name, digits)
        for name, digits in zip(
            mpi3d.VARIANTS,
            (
                "55889cb7c7dfc655d6e0277beee88868",
                "59a6225b88b635365f70c91b3e52f70f",
                "0f33f609918fb5c97996692f91129802",
            ),
            strict=True,
        )
    },
    "mnist": _mnist(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        (
            ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
            ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
            ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
            ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
        ),
    ),
    "fashion-mnist": _mnist(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        (
            ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
            ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
            ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
            ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
        ),
    ),
    "celeba": _celeba(),
}


def remote_files(name: str) -> tuple[RemoteFile, ...]:
    """The files of a published data set.

    Raises:
        UsageError: The name is not known, or names a user's own images.
    """
    if name.startswith(("npz:", "folder:")):
        raise UsageError(f"{name} is your own: there is nothing to download.")
    if name not in PUBLISHED:
        raise unknown("data set", name, PUBLISHED)
    return PUBLISHED[name]
