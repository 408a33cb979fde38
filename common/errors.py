"""What a user can get wrong: one exception type, and how it ends a script."""

import sys


class InputError(ValueError):
    """Something the user gave does not fit. The message names it, what was found, what was expected and
    what to change; `run` prints it without a traceback and ends with exit code 2."""


def run(main):
    """Call main(); a mistake in the input ends in one message and exit code 2, Ctrl-C in exit code 130."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names beyond what an old console can show
    try:
        main()
    except (InputError, OSError, ImportError) as error:
        print(f"\nerror: {_describe(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)


def _describe(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
