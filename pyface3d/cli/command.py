"""What all commands share: --json, --quiet, --debug, one-sentence errors and exit codes."""

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

NOTHING_DONE, SOME_FAILED, INTERRUPTED = 1, 3, 130
LONGEST_NAME = 32  # a longer word in a table is folded

_SHARED = {
    "json": Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, nothing else.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")],
    "limits": Annotated[
        str, typer.Option(help="Limits on input to raise, such as photo_pixels=4e8; see 'what is trusted' in the docs.")
    ],
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
}


class CommandError(Exception):
    """A failure that the user can act on: one sentence, an exit code, and what was done nevertheless.

    Args:
        message: the sentence.
        code: exit code of the process.
        result: what ``--json`` prints; None prints ``{"error": message}``.
    """

    def __init__(self, message: str, code: int = NOTHING_DONE, result: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.result = result


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 face", "2 faces"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rate_said(faces: int, number: int, noun: str, seconds: float, folder: str) -> str:
    """How many faces were found in how many photos or frames, and how fast."""
    found = f"{counted(faces, 'face')} in {counted(number, noun)}"
    return f"{found}, {seconds:.1f} s ({number / max(seconds, 1e-9):.1f} {noun}s/s), in {folder}"


class Screen:
    """Where commands write: results to standard output, progress and errors to standard error."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, text: str, style: str | None = None) -> None:
        """Print one line, unless the user wants JSON or quiet; brackets in it are text, as they may be of a path."""
        if not self.quiet:
            self._console().print(text, style=style, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def table(self, columns: list[str], rows: list[list[Any]], title: str | None = None) -> None:
        """Print a table; cells that are numbers are set to the right, names stay whole where there is room."""
        if self.quiet:
            return
        from rich import box
        from rich.markup import escape
        from rich.table import Table

        table = Table(
            title=None if title is None else escape(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for i, name in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[i], (int, float)) for row in rows)
            name_like = all(" " not in str(row[i]) and len(str(row[i])) <= LONGEST_NAME for row in rows)
            table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=name_like)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._console().print(table)

    @staticmethod
    def _console() -> Any:
        from rich.console import Console

        return Console(width=None if sys.stdout.isatty() else 10_000)  # a file's lines are never folded


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


screen = Screen()  # set anew for every command by `register`


def register(app: typer.Typer, function: Callable[..., dict[str, Any] | None], name: str | None = None) -> None:
    """Make ``function`` a command of ``app`` that also takes the shared flags.

    The function prints through ``screen`` and returns what ``--json`` shows.
    """

    @functools.wraps(function)
    def run(*args: Any, json: bool, quiet: bool, debug: bool, limits: str, **options: Any) -> None:
        _prepare(quiet or json, debug)
        try:
            if limits:
                from pyface3d.foreign.limits import set_limits

                set_limits(limits)
            result = function(*args, **options)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            _fail("interrupted; files that were being written are left out", INTERRUPTED, None, json)
        except CommandError as error:
            _fail(str(error), error.code, error.result, json)
        except Exception as error:
            if debug:
                raise
            _fail(_sentence(error), NOTHING_DONE, None, json)
        else:
            if json:
                typer.echo(_json(result, indent=2, default=_plain))

    signature = inspect.signature(function)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), *_shared_parameters()], return_annotation=None
    )
    run.__annotations__ = {**function.__annotations__, **_SHARED, "return": None}
    app.command(name or function.__name__.replace("_", "-"), no_args_is_help=_needs_argument(signature))(run)


def _prepare(quiet: bool, debug: bool) -> None:
    screen.quiet = quiet
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal's encoding lacks ends no run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not debug:
        warnings.simplefilter("ignore")  # remarks of libraries; what the user can act on is an error


def _shared_parameters() -> list[inspect.Parameter]:
    defaults = {flag: "" if flag == "limits" else False for flag in _SHARED}
    kind = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(flag, kind, default=defaults[flag], annotation=_SHARED[flag]) for flag in _SHARED]


def _needs_argument(signature: inspect.Signature) -> bool:
    return any(parameter.default is inspect.Parameter.empty for parameter in signature.parameters.values())


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        from pyface3d.foreign.names import printable

        return f"{printable(os.fsdecode(error.filename))}: {error.strerror}"
    text = " ".join(str(error).split()) or type(error).__name__
    expected = isinstance(error, (ValueError, OSError, RuntimeError, ImportError, TypeError))
    return text if expected else f"{type(error).__name__}: {text} (--debug shows where)"


def _fail(message: str, code: int, result: dict[str, Any] | None, json: bool) -> None:
    try:
        if json:
            typer.echo(_json({"error": message} if result is None else result, indent=2, default=_plain))
        typer.echo(f"pyface3d: {message}", err=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(code)


def _json(value: Any, **options: Any) -> str:
    from pyface3d.foreign.text import json_text

    return json_text(value, **options)


def _plain(value: Any) -> Any:
    """What JSON cannot hold becomes its text."""
    return str(value)
