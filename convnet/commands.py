"""What `convnet` can do: each command by its name, the module that does it, and what it needs."""

from dataclasses import dataclass

PIPELINE, SCORING, SERVING = "pipeline", "scoring", "serving"  # extras of pyproject.toml


@dataclass(frozen=True, slots=True)
class Command:
    """A module with `main(arguments)`, which returns an exit status or None."""

    module: str
    extra: str
    help: str


COMMANDS = {
    "repro": Command(
        "convnet.repro", PIPELINE, "run the stages that changed: fetch, prepare, train, …"
    ),
    "refetch": Command(
        "convnet.refetch", PIPELINE, "ask the data set's addresses again, then run the stages"
    ),
    "serve": Command("serving.__main__", SERVING, "serve a model over HTTP, with its page"),
    "predict": Command("convnet.predict", SERVING, "classify picture files, without a server"),
    "score": Command(
        "scoring.__main__", SCORING, "score a folder, a bucket or a table of pictures into Parquet"
    ),
    "verify": Command(
        "pipeline.data.verify", PIPELINE, "compare every byte of the prepared data with its hashes"
    ),
    "promote": Command(
        "pipeline.lifecycle.promotion", PIPELINE, "register the model; champion if it is better"
    ),
    "doctor": Command(
        "pipeline.lifecycle.doctor", PIPELINE, "find what is off with checkout and store; mend it"
    ),
    "rollback": Command(
        "pipeline.lifecycle.rollback", PIPELINE, "make the champion before this one champion again"
    ),
    "lineage": Command(
        "pipeline.lifecycle.lineage", PIPELINE, "say where a served version is from"
    ),
    "feedback": Command(
        "pipeline.lifecycle.review", PIPELINE, "review the corrections in an inbox, then take them"
    ),
    "sweep": Command("pipeline.search.sweep", PIPELINE, "search the parameters of sweep.yaml"),
}
