"""From data to safe text: what the console and the commands show."""
