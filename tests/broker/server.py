"""Runs one Kafka broker on this machine that can be killed, frozen and started again on its data."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

from tests.broker.tls import Certificates

START_TIMEOUT_S: Final = 120.0
STOP_TIMEOUT_S: Final = 60.0
STARTED: Final = "Kafka Server started"

ADMIN = "admin"
"""SASL user that may do everything."""
STRANGER = "stranger"
"""SASL user that may log in, and nothing else."""
PASSWORD = "open sesame"


class KafkaServer:
    """A single node with its data in a folder of its own; ports stay the same over restarts.

    Listeners: `bootstrap_servers` (plain text, may do everything), `sasl_servers` (PLAIN, SCRAM-SHA-256,
    SCRAM-SHA-512 for ADMIN and STRANGER), and with `certificates` `tls_servers` (TLS), `mtls_servers` (a
    client certificate is needed) and `sasl_tls_servers`.

    Args:
        jars: Folder of Kafka's jars.
        certificates: For the TLS listeners; None: there are none.
        group_delay_ms: How long a new group waits for more members.
    """

    def __init__(
        self, jars: Path, *, certificates: Certificates | None = None, group_delay_ms: int = 0
    ) -> None:
        self._jars = jars
        self._certificates = certificates
        self._group_delay_ms = group_delay_ms
        self._folder = Path(tempfile.mkdtemp(prefix="pagerport-kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        names = ["PLAINTEXT", "CONTROLLER", "SASL"]
        names += ["TLS", "MTLS", "SASLTLS"] if certificates else []
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))

    @property
    def process_id(self) -> int:
        """Return the id of the broker's process."""
        return self._running().pid

    @property
    def bootstrap_servers(self) -> str:
        """Return the address of the plain listener."""
        return self._address("PLAINTEXT")

    @property
    def sasl_servers(self) -> str:
        """Return the address of the listener with SASL, without TLS."""
        return self._address("SASL")

    @property
    def tls_servers(self) -> str:
        """Return the address of the listener with TLS."""
        return self._address("TLS")

    @property
    def mtls_servers(self) -> str:
        """Return the address of the listener with TLS that wants a client certificate."""
        return self._address("MTLS")

    @property
    def sasl_tls_servers(self) -> str:
        """Return the address of the listener with SASL and TLS."""
        return self._address("SASLTLS")

    @property
    def log(self) -> Path:
        """Return what the broker has printed."""
        return self._folder / "broker.log"

    def start(self) -> None:
        """Start the broker, with the data it had, and return when it serves.

        Raises:
            RuntimeError: It ended, or did not serve in time.
        """
        if self._process is not None:
            raise RuntimeError("the broker runs")
        properties = self._folder / "server.properties"
        if not properties.exists():
            properties.write_text(self._properties())
            self._format(properties)
        at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            memory = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
            self._process = subprocess.Popen(
                [*self._java(*memory), "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # However this session ends, its end of the pipe is closed, and the guard ends the broker.
        self._guard = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                'cat; kill -9 "$1"; rm -rf "$2"',
                "guard",
                str(self._process.pid),
                self._folder,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while STARTED not in self._printed(at):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise RuntimeError(f"Kafka does not start: {self._printed(at)[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the broker at once, as a power cut does for the process; the data stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let the broker end in order; the data stays."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop the broker from running while its connections stay open."""
        self._running().send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._running().pid, os.WSTOPPED)

    def thaw(self) -> None:
        """Let a frozen broker go on."""
        self._running().send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the broker and remove its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the broker does not run")
        return self._process

    def _printed(self, at: int) -> str:
        with self.log.open("rb") as log:
            log.seek(at)
            return log.read().decode(errors="replace")

    def _address(self, listener: str) -> str:
        return f"127.0.0.1:{self._ports[listener]}"

    def _java(self, *options: str) -> list[str]:
        return ["java", *options, "-cp", f"{self._jars}/*"]

    def _format(self, properties: Path) -> None:
        users = [
            word
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for user in (ADMIN, STRANGER)
            for word in ("--add-scram", f'{mechanism}=[name="{user}",password="{PASSWORD}"]')
        ]
        command = ["kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4()), "-c", str(properties)]
        quick = self._java("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        done = subprocess.run(
            [*quick, *command, *users], capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")

    def _properties(self) -> str:
        protocols = {
            "PLAINTEXT": "PLAINTEXT",
            "CONTROLLER": "PLAINTEXT",
            "SASL": "SASL_PLAINTEXT",
            "TLS": "SSL",
            "MTLS": "SSL",
            "SASLTLS": "SASL_SSL",
        }
        listeners = {name: f"{name}://{self._address(name)}" for name in self._ports}
        public = [listener for name, listener in listeners.items() if name != "CONTROLLER"]
        lines = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@{self._address('CONTROLLER')}",
            f"listeners={','.join(listeners.values())}",
            f"advertised.listeners={','.join(public)}",
            "controller.listener.names=CONTROLLER",
            "inter.broker.listener.name=PLAINTEXT",
            f"listener.security.protocol.map={','.join(f'{n}:{protocols[n]}' for n in self._ports)}",
            f"log.dirs={self._folder / 'data'}",
            "offsets.topic.replication.factor=1",
            # Fifty of them are what takes longest when a broker starts after a kill.
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            f"group.initial.rebalance.delay.ms={self._group_delay_ms}",
            "group.min.session.timeout.ms=1000",
            "auto.create.topics.enable=false",
            # A broker that was killed may register again only when its session is over.
            "broker.session.timeout.ms=2000",
            "broker.heartbeat.interval.ms=500",
            # Looked at each second, so that a test of what was forgotten need not wait for minutes.
            "log.retention.check.interval.ms=1000",
            "log.initial.task.delay.ms=1000",
            # The plain listener knows nobody by name.
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users=User:ANONYMOUS;User:{ADMIN}",
            *self._sasl("sasl"),
        ]
        if self._certificates is not None:
            lines += [*self._sasl("sasltls"), *self._tls(self._certificates)]
        return "\n".join(lines) + "\n"

    def _sasl(self, listener: str) -> list[str]:
        base = f"listener.name.{listener}"
        users = " ".join(f'user_{user}="{PASSWORD}"' for user in (ADMIN, STRANGER))
        plain = f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return [
            f"{base}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{base}.plain.sasl.jaas.config={plain}",
            f"{base}.scram-sha-256.sasl.jaas.config={scram}",
            f"{base}.scram-sha-512.sasl.jaas.config={scram}",
        ]

    def _tls(self, certificates: Certificates) -> list[str]:
        keystore = self._folder / "server.pem"
        keystore.write_text(certificates.server_key.read_text() + certificates.server_cert.read_text())
        return [
            "ssl.keystore.type=PEM",
            f"ssl.keystore.location={keystore}",
            "ssl.truststore.type=PEM",
            f"ssl.truststore.location={certificates.authority}",
            "listener.name.mtls.ssl.client.auth=required",
            # Who shows our certificate may do everything.
            "listener.name.mtls.ssl.principal.mapping.rules=RULE:^.*$/admin/",
            "listener.name.tls.ssl.client.auth=none",
            "listener.name.sasltls.ssl.client.auth=none",
        ]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
