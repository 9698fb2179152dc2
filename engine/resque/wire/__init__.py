"""How bytes look and travel: key names, JSON, times, exchanges, connections."""
