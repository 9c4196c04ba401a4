"""``python -m tumorabm``."""

from tumorabm.cli import main

main()
