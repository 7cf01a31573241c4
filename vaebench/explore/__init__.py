"""The explorer: one HTML file in which a trained model decodes live."""

from vaebench.explore.build import build_page

__all__ = ["build_page"]
