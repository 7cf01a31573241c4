"""The small database of the command line's tests."""

from tests.cli.conftest import database

__all__ = ["database"]
