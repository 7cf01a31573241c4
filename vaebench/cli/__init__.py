"""The command line: the only room with typer and rich."""
