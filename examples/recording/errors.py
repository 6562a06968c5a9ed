"""The one error of the recorder: its message says what to do."""


class RecordingError(Exception):
    """The recorder cannot start, or must not go on."""
