"""Flags, variables, defaults and their refusals."""

import pytest

from serving.errors import SettingsRefused
from serving.settings import Settings, read


def test_defaults_listen_on_loopback_only() -> None:
    """Nobody is served from another machine unless someone asked for it."""
    assert read([], {}).host == "127.0.0.1"


def test_a_flag_wins_over_a_variable_over_a_default() -> None:
    """The nearest word counts."""
    environment = {"SERVING_PORT": "9001", "SERVING_WORKERS": "2", "SERVING_ACCESS_LOG": "no"}
    settings = read(["--port", "9002", "--no-explain"], environment)
    assert (settings.port, settings.workers, settings.access_log) == (9002, 2, False)
    assert not settings.explain
    assert settings.queue == Settings().queue


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--port", "x"], {}, "--port"),
        (["--port", "70000"], {}, "0 to 65535"),
        (["--grpc-port", "70000"], {}, "--grpc-port is 70000: give -1 to 65535"),
        (["--nope"], {}, "--nope"),
        (["--model", ""], {}, "--model"),
        (["--deadline", "nan"], {}, "--deadline"),
        (["--variant", "int4"], {}, "--variant is 'int4': give fp32 or int8"),
        (["--name", "a/b"], {}, "--name is 'a/b': give up to 253 of letters"),
        (["--name", "-x:predict"], {}, "--name"),
        ([], {"SERVING_WORKERS": "0"}, "--workers is 0: give 1 or more"),
        ([], {"SERVING_QUEUE": "many"}, "SERVING_QUEUE is 'many'"),
        (["--trusted-proxy", "10.0.0.1, proxy"], {}, "--trusted-proxy is '10.0.0.1, proxy': give"),
        ([], {"SERVING_EXPLAIN": "maybe"}, "give true or false"),
    ],
)
def test_a_bad_value_names_itself_and_what_is_allowed(
    arguments: list[str], environment: dict[str, str], words: str
) -> None:
    """One line, with the option, the value and the rule."""
    with pytest.raises(SettingsRefused) as refused:
        read(arguments, environment)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_largest_request_always_fits_the_queue() -> None:
    """A request that no queue could take would be refused for ever."""
    assert read(["--queue", "8"], {}).batch_limit == 8


def test_the_key_does_not_show_in_a_printed_settings() -> None:
    """Settings may be logged."""
    assert "hush" not in repr(read(["--api-key", "hush"], {}))
