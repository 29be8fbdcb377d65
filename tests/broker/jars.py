"""Fetches Apache Kafka's own jars with Maven, once, into a cache folder."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "4.2.0"
CACHE_VARIABLE = "PAGERPORT_TEST_CACHE"
"""Names the folder for what tests download; the default is `pagerport-tests` in the user's cache folder."""

FETCH_TIMEOUT_S = 600

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>pagerport.tests</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class NoJarsError(Exception):
    """Kafka's jars cannot be had here; the message says what is missing."""


def cache_folder() -> Path:
    """Return where downloads are kept between sessions."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pagerport-tests"


def kafka_jars() -> Path:
    """Return the folder of Kafka's jars, fetching them if they are not there yet.

    Raises:
        NoJarsError: There is no Java, no Maven, or Maven failed.
    """
    if shutil.which("java") is None:
        raise NoJarsError("no Java (`java`)")
    cache = cache_folder()
    jars = cache / f"kafka-{VERSION}"
    if jars.is_dir():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetching.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Sessions that start together fetch once.
        if not jars.is_dir():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise NoJarsError("no Maven (`mvn`)")
    with tempfile.TemporaryDirectory(dir=jars.parent) as folder:
        (Path(folder) / "pom.xml").write_text(_POM)
        command = [maven, "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines() or ["no output"]
            raise NoJarsError(f"Maven failed: {lines[0]}")
        # At the end and in one step, so that a folder that is there is whole.
        (Path(folder) / "lib").rename(jars)
