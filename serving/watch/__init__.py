"""What is learned while serving: drift, shadow traffic, feedback."""
