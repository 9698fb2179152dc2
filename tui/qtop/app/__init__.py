"""The application: it feeds the screen in front and runs what keys ask for."""
