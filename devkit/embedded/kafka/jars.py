"""Kafka's jars, fetched once by Maven into the checkout."""

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

from devkit.embedded import StartError
from devkit.embedded.places import CHECKOUT

POM = Path(__file__).with_name("pom.xml")
# Without it Java reads and writes only names of files that are ASCII.
JAVA_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
_FETCH_SECONDS = 600
_OLDEST_JAVA = 17


def java() -> str:
    """The machine's Java. Raises StartError when there is none, or one that Kafka 4 does not run on."""
    found = shutil.which("java")
    if found is None:
        raise StartError(f"there is no Java: Kafka needs {_OLDEST_JAVA} or newer.")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise StartError(f"Kafka needs Java {_OLDEST_JAVA} or newer; this is {said.splitlines()[0]}.")
    return found


def kafka_jars() -> Path:
    """The folder of the jars; fetched when the pom is not the one that was fetched last.

    Raises StartError when there is no Maven, or it cannot fetch them.
    """
    with POM.open() as pom:
        fcntl.flock(pom, fcntl.LOCK_EX)  # two who test begin at once
        return _fetched(CHECKOUT / ".kafka")


def _fetched(folder: Path) -> Path:
    done = folder / "pom.xml"
    if done.exists() and done.read_bytes() == POM.read_bytes():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise StartError("there is no Maven (`mvn`), which fetches Kafka's jars.")
    shutil.rmtree(folder, ignore_errors=True)
    command = [maven, "--batch-mode", "--quiet", "--file", str(POM)]
    # Maven's own choice is the home in the system's user list, which not everyone has: HOME counts here.
    command += [f"-Dmaven.repo.local={Path.home() / '.m2' / 'repository'}"]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    environment = os.environ | JAVA_ENVIRONMENT
    fetched = subprocess.run(
        command, capture_output=True, text=True, timeout=_FETCH_SECONDS, env=environment, check=False
    )
    if fetched.returncode != 0:
        errors = [line for line in fetched.stdout.splitlines() if "ERROR" in line]
        raise StartError(f"Maven cannot fetch Kafka: {errors[0] if errors else fetched.stderr.strip()}")
    shutil.copy(POM, done)
    return folder


def version() -> str:
    """The version of Kafka that the pom names."""
    named = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)</version>", POM.read_text())
    assert named is not None
    return named[1]
