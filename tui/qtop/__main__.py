"""`python -m qtop`."""

from qtop.start import main

main()
