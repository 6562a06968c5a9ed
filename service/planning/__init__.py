"""Capacity planning: many jobs to requests, scenarios and nodes."""
