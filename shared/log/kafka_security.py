"""Makes the TLS and login that Kafka wants from the settings."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.settings.choices import SaslMechanism, SecurityProtocol
from shared.settings.parts import KafkaSettings

PREFIX = "OCEAN__KAFKA__"

_MECHANISMS = {
    SaslMechanism.PLAIN: SASLPlaintext,
    SaslMechanism.SCRAM_SHA_256: SASLScram256,
    SaslMechanism.SCRAM_SHA_512: SASLScram512,
}


def security_mistakes(kafka: KafkaSettings) -> Iterator[str]:
    """Yield a line for each setting that is missing, or set for nothing."""
    protocol = kafka.security_protocol
    login = {"USERNAME": bool(kafka.username), "PASSWORD": bool(kafka.password.get_secret_value())}
    for name, is_set in login.items():
        if protocol.has_login and not is_set:
            yield f"{PREFIX}{name}: is missing; {protocol} logs in with user and password"
        elif is_set and not protocol.has_login:
            yield (
                f"{PREFIX}{name}: is set, but {PREFIX}SECURITY_PROTOCOL is {protocol}, which has no login; "
                f"set that to {SecurityProtocol.SASL_SSL}, or unset this"
            )
    files = {
        "CA_FILE": kafka.ca_file,
        "CLIENT_CERT_FILE": kafka.client_cert_file,
        "CLIENT_KEY_FILE": kafka.client_key_file,
    }
    for name, path in files.items():
        if path is not None and not protocol.has_tls:
            yield (
                f"{PREFIX}{name}: is set, but {PREFIX}SECURITY_PROTOCOL is {protocol}, which has no TLS; "
                f"set that to {SecurityProtocol.SASL_SSL if protocol.has_login else SecurityProtocol.SSL}, "
                "or unset this"
            )
    if kafka.client_key_file is not None and kafka.client_cert_file is None:
        yield f"{PREFIX}CLIENT_CERT_FILE: is missing; {PREFIX}CLIENT_KEY_FILE is nothing without it"


def make_security(kafka: KafkaSettings) -> BaseSecurity | None:
    """Return what FastStream and aiokafka take; None: neither TLS nor login.

    Raises:
        ValueError: A file cannot be used; the text begins with the name of its variable.
    """
    context = _tls_context(kafka) if kafka.security_protocol.has_tls else None
    if kafka.security_protocol.has_login:
        login = _MECHANISMS[kafka.sasl_mechanism]
        return login(kafka.username, kafka.password.get_secret_value(), ssl_context=context)
    return BaseSecurity(ssl_context=context) if context is not None else None


def _tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if kafka.ca_file is not None:
        try:
            context.load_verify_locations(cafile=str(kafka.ca_file))
        except OSError as error:  # ssl.SSLError is one
            raise _unusable("CA_FILE", kafka.ca_file, error) from error
    if kafka.client_cert_file is not None:
        key_file = kafka.client_key_file
        try:
            context.load_cert_chain(
                str(kafka.client_cert_file),
                None if key_file is None else str(key_file),
                # Never none: OpenSSL would ask at the terminal.
                kafka.client_key_password.get_secret_value,
            )
        except OSError as error:
            raise _unusable("CLIENT_CERT_FILE", kafka.client_cert_file, error) from error
    return context


def _unusable(name: str, path: Path, error: OSError) -> ValueError:
    why = error.strerror or str(error)
    if isinstance(error, ssl.SSLError):
        why = error.reason or "not PEM"
    key = " with its key" if name == "CLIENT_CERT_FILE" else ""
    return ValueError(f"{PREFIX}{name}: {path}{key} cannot be used ({why}); give readable PEM files")
