"""The example shop."""
