"""Filters, and walking through lists of any length."""
