"""Griffe reads "Examples:" as code; this library writes "Example:", as there is one."""

import re

import griffe


class ExamplesAsCode(griffe.Extension):
    """Gives the section "Example:" of Google docstrings the name that Griffe knows."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Renames the section of every object that has a docstring."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
