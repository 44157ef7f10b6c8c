"""What can compete and what it costs: families, scaling, the pool, Keras models."""
