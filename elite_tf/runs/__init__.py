"""What is decided and remembered: settings, plan, run folder, journal."""
