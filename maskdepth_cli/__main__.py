"""The command `maskdepth`: errors become one line and an exit code."""

from __future__ import annotations

import sys

from maskdepth_cli.errors import ExitCode, MaskdepthError


def main() -> None:
    """Run the command line and exit."""
    from maskdepth_cli.cli.app import app
    from maskdepth_cli.files.terminal import own_stderr

    try:
        with own_stderr():
            app(prog_name="maskdepth")
    except MaskdepthError as error:
        print(f"maskdepth: {error}", file=sys.stderr)
        sys.exit(int(error.exit_code))
    except KeyboardInterrupt:
        print("maskdepth: interrupted", file=sys.stderr)
        sys.exit(int(ExitCode.INTERRUPTED))


if __name__ == "__main__":
    main()
