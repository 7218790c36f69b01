"""The one way from a picture file to pixels."""
