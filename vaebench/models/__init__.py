"""Networks and the VAE: plain torch modules that know nothing of specs or stores."""

from vaebench.models.networks import NETWORKS, Network, build_network
from vaebench.models.vae import VAE, initialise

__all__ = ["NETWORKS", "VAE", "Network", "build_network", "initialise"]
