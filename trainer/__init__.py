"""Learns from recorded jobs how much memory each tool needs, and writes a bundle per tool."""
