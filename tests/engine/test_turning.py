"""Many items leave the depths of a long list, and come back: it is turned, and hides nothing."""
