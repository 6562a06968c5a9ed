"""What an attempt asks for when the one before was killed for its memory: the rule, the service and every replay."""

# An attempt after an out-of-memory kill asks for at least so many times what the one before was given: within 1 % of
# the optimum, where the tool's maximum would cost 8-25 % more (sizing-study.md, Retry).
RETRY_FACTOR = 2
