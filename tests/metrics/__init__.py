"""Tests of vaebench.metrics."""
