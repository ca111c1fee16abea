"""One kind of error for damaged files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turns whatever damaged bytes lead a file library to into one ValueError that names the file.

    Parsers that never expected foreign bytes raise nearly anything: TokenError, NotImplementedError, struct.error.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith("load_model: "):
            raise
        raise ValueError(f"load_model: {path} is damaged or truncated: {error}") from error
