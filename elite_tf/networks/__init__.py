"""What can compete and what it costs: families, scaling, pool, Keras models."""
