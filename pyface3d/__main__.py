"""``python -m pyface3d`` is the command line."""

from pyface3d.cli import main

main()
