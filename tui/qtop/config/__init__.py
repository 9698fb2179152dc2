"""Settings, where they come from, and the thresholds from which on something is wrong."""
