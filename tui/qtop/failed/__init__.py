"""Failed jobs: what makes two the same, their groups, those that match."""
