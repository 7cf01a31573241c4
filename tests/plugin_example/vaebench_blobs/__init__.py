"""A plug-in of vaebench: one record of each kind, a file each."""
