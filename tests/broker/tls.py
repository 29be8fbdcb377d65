"""Makes the certificates of a private authority: one for a server at 127.0.0.1, one for a client."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


class NoCertificatesError(Exception):
    """Certificates cannot be made here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files in one folder. Keys are PKCS #8 without a password."""

    folder: Path

    @property
    def authority(self) -> Path:
        """Return the certificate that signed the others."""
        return self.folder / "authority.crt"

    @property
    def server_cert(self) -> Path:
        """Return the server's certificate, for 127.0.0.1."""
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        """Return the server's key."""
        return self.folder / "server.key"

    @property
    def client_cert(self) -> Path:
        """Return the client's certificate."""
        return self.folder / "client.crt"

    @property
    def client_key(self) -> Path:
        """Return the client's key."""
        return self.folder / "client.key"


def make_certificates(folder: Path) -> Certificates:
    """Make the files with openssl.

    Raises:
        NoCertificatesError: There is no openssl.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise NoCertificatesError("no openssl")
    key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    _openssl(
        folder,
        *(openssl, "req", "-x509", *key, "-subj", "/CN=pagerport test authority"),
        *("-keyout", "authority.key", "-out", "authority.crt"),
    )
    for name, extension in (
        ("server", "subjectAltName=IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extension)
        _openssl(
            folder,
            openssl,
            "req",
            *key[:3],
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
        )
        _openssl(
            folder,
            *(openssl, "x509", "-req", "-days", "2", "-in", f"{name}.csr", "-extfile", f"{name}.ext"),
            *("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial", "-out", f"{name}.crt"),
        )
    return Certificates(folder)


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
