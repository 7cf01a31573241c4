"""Genuine and small data sets that tests of the data sets have too."""

from tests.data.conftest import fashion_folder, scream_folder

__all__ = ["fashion_folder", "scream_folder"]
