"""The values that screens, commands and systems share, whatever the queue system. Pure."""
