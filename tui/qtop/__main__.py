"""`python -m qtop`."""

from qtop.cli import main

main()
