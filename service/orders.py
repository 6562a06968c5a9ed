"""What a parent and its workers say to each other, a byte each."""

STOP = b"s"
RELOAD = b"r"
# A worker lives, and has begun to answer.
BEAT = b"."
