"""Recorded jobs out of a running Galaxy, through its database or its API, into a canonical table for each tool."""
