"""The search at work: pipeline, runners, progress."""
