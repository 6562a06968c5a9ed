"""The door: the socket that is listened at, and the certificate that is shown there."""

import os
import socket
import ssl

from galaxy_memory_rules.errors import ConfigError

from .settings import ServiceSettings

# How many may stand at the door until they are let in.
BACKLOG = 4096


def listening_socket(settings: ServiceSettings) -> socket.socket:
    """Listen at the address of the settings.

    Raises
    ------
    ConfigError
        If it is taken, not allowed or none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    # a name that is none is not even looked for
    except (OSError, UnicodeError) as error:
        # of a name that is not found the number is none of the system's
        number = getattr(error, "errno", 0)
        why = os.strerror(number).lower() if number > 0 else getattr(error, "strerror", error)
        raise ConfigError(f"cannot listen at {settings.host} port {settings.port}: {why}") from error


def check_certificate(settings: ServiceSettings) -> None:
    """Try the certificate, if there is one, before each worker does.

    Raises
    ------
    ConfigError
        If its files do not belong together, or need a password.
    """
    if settings.tls_certificate is None:
        return
    try:
        # an encrypted key is refused: nobody is there to type the password
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.tls_certificate, settings.tls_key, password=""
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"tls_certificate, tls_key: expected PEM files that belong together, without a password ({error})"
        ) from error
