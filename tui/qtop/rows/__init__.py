"""What is known at one look, as rows. Pure."""
