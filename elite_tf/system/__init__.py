"""What every room may use: atomic files, locks, child processes, the backend of
Keras, and what all commands have in common."""
