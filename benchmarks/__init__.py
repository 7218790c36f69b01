"""What the published numbers come from: each prints a table and writes JSON."""
