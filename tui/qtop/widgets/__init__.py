"""Widgets: the table, bars, fields to type in, texts and logs."""
