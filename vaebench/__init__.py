"""vaebench: reproducible sweeps of variational autoencoders with a result database."""

__version__ = "0.1.0"
