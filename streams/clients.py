"""How each Kafka client is told where the brokers are: one settings object, four dialects."""

import ssl
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from faust.auth import SASLCredentials, SSLCredentials

from schemas.errors import BrokerError, SettingsError
from streams.settings import KafkaSettings


def faust_urls(kafka: KafkaSettings) -> list[str]:
    """Return the brokers as Faust wants them."""
    return [f"kafka://{server.strip()}" for server in kafka.servers.split(",")]


def faust_credentials(kafka: KafkaSettings) -> SASLCredentials | SSLCredentials | None:
    """Return who we are, for Faust; None for PLAINTEXT."""
    if kafka.security_protocol == "PLAINTEXT":
        return None
    if kafka.security_protocol == "SSL":
        return SSLCredentials(context=_tls(kafka))
    return SASLCredentials(
        username=kafka.sasl_username,
        password=kafka.sasl_password,
        mechanism=kafka.sasl_mechanism or "PLAIN",
        ssl_context=_tls(kafka) if kafka.security_protocol == "SASL_SSL" else None,
    )


def aiokafka_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return keyword arguments for clients of aiokafka."""
    return {"bootstrap_servers": kafka.servers.split(","), **_sasl(kafka)}


def kafka_python_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return keyword arguments for clients of kafka-python."""
    return {
        "bootstrap_servers": kafka.servers.split(","),
        "bootstrap_timeout_ms": round(kafka.connect_timeout_s * 1000),
        **_sasl(kafka),
    }


def confluent_config(kafka: KafkaSettings) -> dict[str, Any]:
    """Return the configuration of confluent-kafka clients; silent, since we report in our own words."""
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.servers,
        "security.protocol": kafka.security_protocol,
        "log_level": 0,
    }
    optional = {
        "sasl.mechanism": kafka.sasl_mechanism or ("PLAIN" if "SASL" in kafka.security_protocol else None),
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password,
        "ssl.ca.location": kafka.ssl_ca_file,
        "ssl.certificate.location": kafka.ssl_cert_file,
        "ssl.key.location": kafka.ssl_key_file,
    }
    return config | {name: value for name, value in optional.items() if value is not None}


def partition_counts(kafka: KafkaSettings) -> dict[str, int]:
    """Return all topics with their number of partitions; raise `BrokerError` when no broker answers."""
    heard: list[KafkaError] = []
    config: dict[str, Any] = {**confluent_config(kafka), "error_cb": heard.append}
    admin = AdminClient(config)
    try:
        found = admin.list_topics(timeout=kafka.connect_timeout_s).topics
    except KafkaException as error:
        admin.poll(0)  # hands over what was heard
        raise _refused(kafka, heard) or no_broker(kafka, error.args[0].str()) from None
    return {name: len(topic.partitions) for name, topic in found.items()}


def no_broker(kafka: KafkaSettings, problem: str) -> BrokerError:
    """Return the one line that says that nobody is there."""
    return BrokerError(
        "kafka.servers",
        f"no broker answers at {kafka.servers} within {kafka.connect_timeout_s:g} s ({problem})",
        "start Kafka or set BECKON_KAFKA_SERVERS",
    )


def _refused(kafka: KafkaSettings, heard: list[KafkaError]) -> BrokerError | None:
    """Return the one line about a broker that is there but was not agreed with; None when nobody was there."""
    codes = {error.code() for error in heard}
    if KafkaError._AUTHENTICATION in codes:
        return BrokerError(
            "kafka.sasl_username, sasl_password",
            f"the broker at {kafka.servers} refuses them",
            "set BECKON_KAFKA_SASL_USERNAME and BECKON_KAFKA_SASL_PASSWORD",
        )
    if KafkaError._SSL in codes:
        return BrokerError(
            "kafka.ssl_ca_file",
            f"the certificate of the broker at {kafka.servers} is not trusted",
            "give the file of the authority that signed it",
        )
    return None


def _sasl(kafka: KafkaSettings) -> dict[str, Any]:
    config: dict[str, Any] = {"security_protocol": kafka.security_protocol}
    if "SSL" in kafka.security_protocol.replace("SASL", ""):
        config["ssl_context"] = _tls(kafka)
    if kafka.security_protocol.startswith("SASL"):
        config |= {
            "sasl_mechanism": kafka.sasl_mechanism or "PLAIN",
            "sasl_plain_username": kafka.sasl_username,
            "sasl_plain_password": kafka.sasl_password,
        }
    return config


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.ssl_ca_file)
        if kafka.ssl_cert_file:
            context.load_cert_chain(kafka.ssl_cert_file, kafka.ssl_key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            "kafka.ssl_ca_file, ssl_cert_file or ssl_key_file", f"cannot be used: {error}", "give PEM files"
        ) from None
    return context
