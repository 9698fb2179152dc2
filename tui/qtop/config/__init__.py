"""What the console is told: settings, where they come from, from when on something is wrong."""
