"""Queue systems, each behind one protocol."""
