"""Real servers and the daemon, started privately for a test, and an oracle that knows nothing of the daemon's code."""
