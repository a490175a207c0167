"""Kafka from its released archives: one broker that is its own controller (KRaft), in a small Java process.

Measured on two cores: 1.3 s to format its storage, 2.6 s until it answers, 340 MB.
"""

import base64
import os
import subprocess
from pathlib import Path

from infra.services.jars import class_path
from infra.services.processes import Process, ServiceError, answers, free_port

#: A server for tests: a small heap, and the quick compiler only, since it lives for seconds.
_JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


def prepare(java: Path, folder: Path) -> tuple[str, Process]:
    """Format the storage of a broker in an empty folder; gives its address and its process, not yet started.

    Raises:
        JarsError: an archive cannot be fetched.
        ServiceError: its storage cannot be formatted.
    """
    broker, controller = free_port(), free_port()
    settings = folder / "server.properties"
    options = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "message.max.bytes": 16 << 20,
        # After a power cut it waits until its controller has given up its former life (9 s if nothing is said).
        "broker.session.timeout.ms": 1500,
        "broker.heartbeat.interval.ms": 300,
        # What a test deletes by retention is to be gone within seconds.
        "log.retention.check.interval.ms": 500,
        "log.segment.delete.delay.ms": 500,
        "log.initial.task.delay.ms": 500,
    }
    settings.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
    run = [java, *_JAVA, "-cp", class_path()]
    cluster = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "a")
    done = subprocess.run(
        [*map(str, run), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ServiceError(
            f"Kafka's storage cannot be formatted: {(done.stderr or done.stdout).strip()[-300:]}",
            cure="see what it printed; free memory or disk",
        )
    process = Process(
        "Kafka", command=[*run, "kafka.Kafka", settings], folder=folder, user=None, is_ready=lambda: answers(broker)
    )
    return f"kafka://127.0.0.1:{broker}", process
