"""`python -m vaebench` and the command `vaebench`: a stop is quiet from the first line on."""

import gc
from typing import NoReturn

from vaebench.cli import stopping


def main() -> NoReturn:
    """Runs the command line of this process and exits with its code."""
    stopping.while_importing()
    gc.disable()  # until all is imported
    from vaebench.cli import app

    app.main()


if __name__ == "__main__":
    main()
