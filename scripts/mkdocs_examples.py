"""Docstrings as Griffe and Markdown read them: "Example:" as code, and names without Sphinx's roles."""

import re

import griffe


class ExamplesAsCode(griffe.Extension):
    """Gives the section "Example:" of Google docstrings the name that Griffe knows; ":func:`x`" is `x`."""

    def on_instance(self, *, obj: griffe.Object, **_: object) -> None:
        """Changes the docstring of every object that has one."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r":(?:func|class|mod|meth|attr|data):`~?([^`]+)`", r"`\1`", text)
