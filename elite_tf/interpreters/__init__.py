"""Interpreters of .tflite files."""
