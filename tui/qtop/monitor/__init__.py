"""What is known of the systems now: polling, rows, time series, incidents."""
