"""The floor: files that are whole or not there, locks, processes, the backend, habits of a command line."""
