"""The command line: the only package that knows its library. Data on stdout, messages on stderr."""

from __future__ import annotations

import sys
import traceback

from pellucid.cli.app import app
from pellucid.cli.terminal import complain
from pellucid.errors import InterruptedRunError, PellucidError


def run() -> int:
    """Runs the command in `sys.argv`; its exit code, as docs/command-line.md lists them."""
    import typer

    try:
        result = app(standalone_mode=False)
    except PellucidError as error:
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        complain("Stopped.")
        return InterruptedRunError.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on; Python would complain at exit
        return 1
    except Exception as error:
        show = getattr(error, "show", None)
        if show is not None:  # the library's own usage errors print themselves
            show()
            return int(getattr(error, "exit_code", 2))
        traceback.print_exc()
        complain(
            f"This is a mistake in pellucid, not in your input ({type(error).__name__}: {error}). Please report it."
        )
        return 1
    return result if isinstance(result, int) else 0
