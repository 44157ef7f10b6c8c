"""Training one candidate: recipe, compiled steps, checkpoints."""
