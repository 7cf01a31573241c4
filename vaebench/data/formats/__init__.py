"""File formats that published data sets come in, read in blocks."""
