"""`loghub send`: sends lines or JSON objects from a file or standard input, to a hub or to a Kafka topic."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TextIO

import typer

from hub.cli.credentials import target_of
from hub.cli.lines import batches, opened
from hub.cli.parse import record_of
from hub.cli.send_kafka import Format, Wording, send_to_topic
from hub.client.producer import Producer
from hub.errors import ConfigError
from hub.log.kafka_connection import KafkaConnection
from hub.pb.record_pb2 import Resource


def send(
    ca: Annotated[Path | None, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")] = None,
    cert: Annotated[Path | None, typer.Option(envvar="LOGHUB_CERT", help="Producer's certificate.")] = None,
    key: Annotated[Path | None, typer.Option(envvar="LOGHUB_KEY", help="Its key.")] = None,
    file: Annotated[str, typer.Argument(help="File to send; -: standard input.")] = "-",
    endpoint: Annotated[str, typer.Option(envvar="LOGHUB_ENDPOINT", help="The hub's gRPC port.")] = "localhost:4317",
    service: Annotated[str, typer.Option(help="Name of the service.")] = "send",
    producer_id: Annotated[str, typer.Option(help="Name of this producer; default: a new one.")] = "",
    level: Annotated[str, typer.Option(help="Level of lines that say none.")] = "info",
    kafka: Annotated[
        str, typer.Option(metavar="BROKERS", help="Send to a Kafka topic instead: host:port, several with commas.")
    ] = "",
    topic: Annotated[str, typer.Option(help="The topic of --kafka.")] = "",
    form: Annotated[Format, typer.Option("--format", help="What --kafka's messages hold.")] = Format.ECS,
    kafka_ca: Annotated[Path | None, typer.Option(help="Authority of the brokers; set: TLS 1.3 only.")] = None,
    kafka_cert: Annotated[Path | None, typer.Option(help="Certificate for the brokers.")] = None,
    kafka_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    kafka_username: Annotated[str, typer.Option(help="User name for SASL SCRAM.")] = "",
    kafka_password_file: Annotated[Path | None, typer.Option(help="File with the user's password.")] = None,
    kafka_mechanism: Annotated[str, typer.Option(help="SCRAM-SHA-512 or SCRAM-SHA-256.")] = "SCRAM-SHA-512",
) -> None:
    """Send each line as a record, and wait until all are on the hub's disk, or on the brokers'."""
    resource = Resource(service=service, host=socket.gethostname())
    if kafka:
        identity = (kafka_ca, kafka_cert, kafka_key, kafka_username, _password(kafka_password_file), kafka_mechanism)
        connection = KafkaConnection(tuple(kafka.split(",")), *identity)
        _to_topic(connection, topic, file, Wording(form, resource, level))
        return
    target = target_of(endpoint, ca, cert, key)
    name = producer_id or f"send-{secrets.token_hex(6)}"
    producer = Producer(target, name, resource, on_state=_say)
    with opened(file, sys.stdin) as lines, suppress(KeyboardInterrupt):
        asyncio.run(_send(producer, lines, level))
    totals = producer.totals
    typer.echo(f"acknowledged {totals.acked}, refused {totals.rejected}, not sent {producer.unacked}", err=True)
    for refusal in producer.refusals[:10]:
        typer.echo(f"  batch {refusal.seq} record {refusal.index}: {refusal.field} {refusal.reason}", err=True)
    if totals.rejected or producer.unacked:
        raise typer.Exit(1)


def _password(file: Path | None) -> str:
    try:
        return file.read_text().strip() if file else ""
    except (OSError, ValueError) as error:
        msg = f"--kafka-password-file {file} cannot be read: {error}"
        raise ConfigError(msg) from error


def _to_topic(connection: KafkaConnection, topic: str, file: str, wording: Wording) -> None:
    if not topic:
        msg = "--kafka needs a --topic"
        raise ConfigError(msg)
    with opened(file, sys.stdin) as lines:
        totals = asyncio.run(send_to_topic(connection, topic, lines, wording, _say))
    typer.echo(f"acknowledged {totals.acked}, not stored {totals.failed}", err=True)
    if totals.failed:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(f"loghub send: {text}", err=True)


async def _send(producer: Producer, lines: TextIO, level: str) -> None:
    running = asyncio.create_task(producer.run(), name="producer")
    feeding = asyncio.create_task(_feed(producer, lines, level), name="feed")
    await asyncio.wait((running, feeding), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        feeding.cancel()
        running.result()
    await feeding
    producer.close()
    await running


async def _feed(producer: Producer, lines: TextIO, level: str) -> None:
    async for batch in batches(lines):
        await producer.send([record_of(line, level) for line in batch])
