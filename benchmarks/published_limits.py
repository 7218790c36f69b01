"""The figures of benchmarks.limits as docs/results.md has them."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from benchmarks import report

TEXT = """What is let through of images that are not of the model's world, in percent of each set:
mean, and seed by seed. What the sets are says [What a model does not know](familiarity.md).
"""
WANTED = {
    "letters": 6, "strokes": 5, "noise": 1, "two_in_one": 3, "inverted": 1, "photographs": 1,
}  # fmt: skip # percent, of the default parameters at `export.kept` 0.95
CONNECTIONS = 64


def table(content: Mapping[str, Any]) -> str:
    """Markdown: what each foreign set had, mean and seed by seed, in percent."""
    seeds = content["seeds"]
    judged = WANTED if content["command"].endswith("limits") else {}
    rows = []
    for name in seeds[0]["foreign_known"]:
        shares = [100 * seed["foreign_known"][name] for seed in seeds]
        most = judged.get(name)
        wanted = most and f"≤ {most}" + ("" if fmean(shares) <= most else ": missed")
        rows.append(
            (
                name.replace("_", " "),
                f"{fmean(shares):.1f} ({', '.join(f'{share:.1f}' for share in shares)})",
                wanted,
                f"{fmean(seed['foreign_auroc'][name] for seed in seeds):.3f}",
                f"{100 * fmean(seed['foreign_by_probability'][name] for seed in seeds):.1f}",
            )
        )
    heads = ("foreign set", "let through, %", "target", "AUROC", "by greatest probability, %")
    return report.table(heads, rows) + "\n" + "\n".join(_sentences(content)) + "\n"


def _sentences(content: Mapping[str, Any]) -> list[str]:
    seeds, cost = content["seeds"], content["cost"]

    def each(group: str, name: str) -> str:
        return ", ".join(f"{100 * seed[group][name]:.1f}" for seed in seeds if group in seed)

    def fewer(case: str) -> str:
        return f"{100 * (1 - cost['served'][case]['requests_ratio']):.1f}"

    numbers = ", ".join(str(seed["seed"]) for seed in seeds)
    accuracies = ", ".join(f"{seed['test']:.2f}" for seed in seeds)
    one, many = (cost["run_us"][batch] for batch in ("1", "64"))
    answers = (
        f"{content['net']} on {content['dataset']}, seeds {numbers}: test accuracy {accuracies} %; "
        f"of the test images {each('known', 'test')} % are known, of its own errors "
        f"{each('known', 'test_errors')} %; the sets cover {each('sets', 'coverage')} %."
    )
    costs = (
        f"The file is {cost['bytes'] / 1000:.0f} KB larger. Processor time of a run: "
        f"{one['with'] - one['without']:.1f} of {one['with']:.0f} µs for one image, "
        f"{100 * (many['with'] / many['without'] - 1):.1f} % for 64; "
        f"of the requests a second of {CONNECTIONS} connections, {cost['rounds']} rounds, "
        f"{fewer('one image binary, V2')} % where the reply is the same, "
        f"{fewer('one image JSON')} % where it says more of each image "
        "(targets: 40 KB, 5 µs, 3 %)."
    )
    return [answers, "", costs, "", f"{content['machine']['device']}; `{content['command']}`."]
