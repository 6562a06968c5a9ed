"""Records the peak memory of real tool runs: how record_jobs.py plans, runs and writes down its jobs."""
