"""The filter language, moving through long lists, groups of failures."""
