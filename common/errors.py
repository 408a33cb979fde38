"""What a user can get wrong: one exception type, and how it ends a script."""

import sys
import time

from common import parallel

PATIENCE = 2  # seconds that the other processes leave process 0 for its message


class InputError(ValueError):
    """Something the user gave does not fit. The message names it, what was found, what was expected and
    what to change; `run` prints it without a traceback and ends with exit code 2."""


class StoppedError(Exception):
    """The training was stopped, and what there is has been saved. The message says how to go on."""

    def __init__(self, message, exit_code):
        super().__init__(message)
        self.exit_code = exit_code


def run(main):
    """Call main(); a mistake in the input ends in one message and exit code 2, Ctrl-C in exit code 130."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names beyond what an old console can show
    try:
        main()
    except (InputError, OSError, ImportError) as error:
        _end(f"error: {_describe(error)}", 2)
    except StoppedError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("stopped", 130)
    except RuntimeError as error:
        if not parallel.lost_another(error):
            raise
        _end("error: another process of this run has ended; what it said last tells why", 1)


def _end(message, exit_code):
    """Say why, and end. Of several processes with the same trouble, process 0 says it and takes the others with it."""
    if parallel.rank() > 0:
        time.sleep(PATIENCE)
        message = f"process {parallel.rank()}: {message}"
    print(f"\n{message}", file=sys.stderr, flush=True)
    sys.exit(exit_code)


def _describe(error):
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
