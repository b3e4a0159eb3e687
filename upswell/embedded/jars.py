"""Finds the jars of Apache Kafka, or fetches them by Maven from deploy/kafka/pom.xml.

Rules of this file: a directory counts only with the stamp that is written last and names the
pom.xml it was filled from, so an interrupted or outdated fetch is never used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from consumer.vocabulary.errors import ConfigurationError, UpswellError

_ROOT = Path(__file__).resolve().parents[2]
POM = _ROOT / "deploy" / "kafka" / "pom.xml"
CACHE_DIR = _ROOT / ".cache" / "kafka"
STAMP_NAME = ".complete"
FETCH_TIMEOUT_S = 900.0


def java_command() -> str:
    """Return the path of a Java runtime.

    Raises
    ------
    ConfigurationError
        when there is none; install one
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which("java")
    if found is None:
        raise ConfigurationError(
            "The real Kafka broker needs Java 17 or newer: install it, for example `apt-get install openjdk-17-jre-headless`"
        )
    return found


def kafka_jars() -> Path:
    """Return the directory with the broker's jars, without fetching anything.

    Raises
    ------
    ConfigurationError
        when they are missing or older than deploy/kafka/pom.xml; run `make kafka-jars`
    """
    if not _is_complete():
        raise ConfigurationError(
            f"The jars of Apache Kafka are not in {CACHE_DIR}: run `make kafka-jars` (needs Maven and a network)"
        )
    return CACHE_DIR


def fetch_kafka_jars() -> Path:
    """Return the directory with the broker's jars, fetched by Maven where they are missing.

    Raises
    ------
    ConfigurationError
        when Maven is missing or fails; the text holds what it said
    """
    if _is_complete():
        return CACHE_DIR
    maven = shutil.which("mvn")
    if maven is None:
        raise ConfigurationError(
            "Fetching the jars of Apache Kafka needs Maven: install it, for example `apt-get install maven`"
        )
    CACHE_DIR.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE_DIR.parent, prefix="kafka-") as scratch:
        fetched = Path(scratch, "jars")
        _copy_jars(maven, fetched)
        (fetched / STAMP_NAME).write_text(_pom_digest(), encoding="utf-8")
        shutil.rmtree(CACHE_DIR, ignore_errors=True)
        fetched.rename(CACHE_DIR)
    return CACHE_DIR


def _copy_jars(maven: str, directory: Path) -> None:
    command = [maven, "--batch-mode", "--quiet", "--no-transfer-progress", "--file", str(POM)]
    run = subprocess.run(
        [*command, "dependency:copy-dependencies", f"-DoutputDirectory={directory}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=FETCH_TIMEOUT_S,
        check=False,
        text=True,
    )
    if run.returncode != 0:
        raise ConfigurationError(f"Maven could not fetch the jars of Apache Kafka:\n{run.stdout.strip()}")


def _is_complete() -> bool:
    stamp = CACHE_DIR / STAMP_NAME
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _pom_digest()


def _pom_digest() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def main() -> int:
    """Fetch the jars and print where they are; the command behind `make kafka-jars`."""
    try:
        print(f"Apache Kafka's jars are in {fetch_kafka_jars()}")
    except UpswellError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
