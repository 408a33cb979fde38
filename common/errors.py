"""What a user can get wrong: one exception type, and how it ends a script."""

import sys


class InputError(ValueError):
    """Something the user gave does not fit. The message names it, what was found, what was expected and
    what to change; `run` prints it without a traceback and ends with exit code 2."""


def run(main):
    """Call main() and turn mistakes in the input into one message and exit code 2."""
    try:
        main()
    except (InputError, OSError) as error:
        print(f"\nerror: {_describe(error)}", file=sys.stderr)
        sys.exit(2)


def _describe(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
