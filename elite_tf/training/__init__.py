"""Training one candidate."""
