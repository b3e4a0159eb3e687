"""The outermost ring: command line, demo and embedded services."""
