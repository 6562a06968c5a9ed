"""Serves the trainer's bundles over HTTP: what a job will need, and what to request for it."""
