"""Sweeps: from what is asked for to trained jobs, for a shell, a script or a notebook."""
