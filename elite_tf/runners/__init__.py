"""Where candidates train."""
