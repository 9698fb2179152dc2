"""Actions of operators: requests, plans, outcomes, and the runner that carries plans out."""
