"""The one tree of errors that a person may see: each is a single readable line."""


class BeckonError(Exception):
    """What is wrong, in three parts: the field, the problem and the remedy.

    >>> str(SettingsError("kafka.servers", "is empty", "set BECKON_KAFKA_SERVERS"))
    'kafka.servers: is empty; set BECKON_KAFKA_SERVERS'
    """

    #: The exit code of a command that ends with this error: 1 a check failed, 2 wrong input.
    exit_code = 2

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(_on_one_line(f"{field}: {problem}; {remedy}"))
        self.field = field
        self.problem = problem
        self.remedy = remedy


def _on_one_line(text: str) -> str:
    # What is quoted from a file may hold line breaks and what else confuses a terminal.
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


class SettingsError(BeckonError):
    """A setting or flag is unknown, of the wrong type or out of range."""


class CampaignError(BeckonError):
    """A campaign file has a field that is wrong, unknown or not there yet."""


class ModelError(BeckonError):
    """A model folder cannot be trusted or used as it stands."""

    exit_code = 1


class InputError(BeckonError):
    """A file given by the user cannot be read as what it should be."""


class TopicError(BeckonError):
    """A topic is missing or differs from the settings."""

    exit_code = 1


class BrokerError(BeckonError):
    """No broker answers where the settings say there is one, or it is set so that records can be lost."""

    exit_code = 1
