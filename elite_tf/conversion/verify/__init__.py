"""Compares a converted network with the one it was made from, on every image."""
