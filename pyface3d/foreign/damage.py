"""One kind of error for damaged files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 300  # characters of another library's sentence


@contextmanager
def reading(path: str | os.PathLike[str], caller: str = "load_model") -> Iterator[None]:
    """Turns whatever damaged bytes lead a file library to into one ValueError that names the file.

    Parsers that never expected foreign bytes raise nearly anything: TokenError, NotImplementedError, struct.error,
    RecursionError, and Rust's panics, which are no ``Exception``. Sentences that name the file already, errors of the
    operating system and missing packages pass.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, ImportError):
        raise
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        if isinstance(error, ValueError) and str(path) in str(error):
            if str(error).startswith(f"{caller}: "):
                raise
            raise ValueError(f"{caller}: {error}") from error
        raise ValueError(f"{caller}: {path} is damaged or truncated: {one_line(error)}") from error


def one_line(error: BaseException) -> str:
    """The text of an error on one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if text.isprintable() else ascii(text)[1:-1]
    if isinstance(error, KeyError):
        text = f"it lacks {text}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
