"""The report's sections, for a reader who has not met convolutional networks before."""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.sidecars import Layer
from pipeline.data.arrays import Dataset
from pipeline.evaluation.card import Card
from pipeline.evaluation.evaluation import Evaluation
from pipeline.evaluation.robustness import meaning
from pipeline.evaluation.training_record import Curves
from pipeline.report import html, layer_words
from pipeline.report.numbers import SPACE, count, percent

CHANGED = (
    "rotation", "scale", "shear", "shift", "elastic", "mirror", "colour", "erase", "mixup", "cutmix"
)  # fmt: skip


@dataclass(frozen=True)
class Page:
    card: Card
    dataset: Dataset
    evaluation: Evaluation
    charts: Mapping[str, str]  # NAME: <svg>
    contact_sheet: bytes  # PNG
    curves: Curves
    file_bytes: int  # of model.onnx
    layers: tuple[Layer, ...]
    findings: str = ""  # HTML: what the audit found, of a user's own pictures


def data(page: Page) -> str:
    counts = page.dataset.counts
    words = html.paragraph(
        "To a network an image is a grid of values from 0 to 255; here it has "
        f"{layer_words.image_words(page.dataset.image_shape)}. The data set "
        f"{page.dataset.name!r} has three splits: the network is trained on the first, choices "
        "are made on the second, and the test split is used for this report alone."
    )
    splits = html.table(
        ("split", "images", "used for"),
        (
            ("training", count(counts.train), "training"),
            ("validation", count(counts.val), "choosing, and checking the export"),
            ("test", count(counts.test), "this evaluation"),
        ),
    )
    sheet = html.picture(
        page.contact_sheet,
        alt="Training images, a row for each class",
        caption="The first training images of each class, with how many there are.",
    )
    return html.section("data", "Data", html.beside(words + splits, sheet), page.findings)


def training(page: Page) -> str:
    return html.section(
        "training",
        "Training",
        html.paragraph(
            f"Training starts with {_start(page.card)} weights. For a batch of training images "
            "the loss measures how far the predictions are from the true classes, and every "
            "weight is changed a little in the direction that lowers the loss. One pass over all "
            f"training images is an epoch. This network was trained for "
            f"{_epochs(len(page.curves.epoch))}; the last loss is "
            f"{page.curves.train_loss[-1]:.4f} on the training images and "
            f"{page.curves.val_loss[-1]:.4f} on the validation images."
        ),
        html.chart(
            page.charts["curves"],
            alt="Losses, validation accuracy and learning rate by epoch",
            caption="Where the validation loss rises while the training loss falls, the network "
            "overfits the training images." + _distortion(page.card),
            width="wide",
        ),
        html.subtitle("The same images after each epoch"),
        html.paragraph(
            "Epoch 0 is before training. The coloured line is the probability of the true class, "
            "the grey lines are those of the others; together they add up to 1."
        ),
        html.chart(
            page.charts["replay"],
            alt="Probability of each class by epoch, for a few validation images",
            width="wide",
        ),
    )


def _start(card: Card) -> str:
    starts = (card.hyperparameters.get(f"model.{key}") for key in ("pretrained", "weights"))
    return "pretrained" if any(starts) else "random"


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{count(number)} epochs"


def _distortion(card: Card) -> str:
    asked = card.hyperparameters
    if not any(asked.get(f"train.{key}", "none") not in {0, "none"} for key in CHANGED):
        return ""
    return " Training can look worse than validation, since its images are distorted at random."


def quality(page: Page) -> str:
    test = page.evaluation.test
    words = html.paragraph(
        f"{percent(test.accuracy)} of {count(test.images)} test images were classified correctly. "
        f"The 95{SPACE}% confidence interval of that accuracy is {percent(test.accuracy_low)} to "
        f"{percent(test.accuracy_high)} (Wilson's score interval)."
    )
    return html.section(
        "quality",
        "Quality",
        words,
        _summary_table(page.evaluation),
        html.beside(_confusion(page), _classes(page)),
        html.beside(*_calibration(page)),
    )


def _confusion(page: Page) -> str:
    return html.subtitle("Which classes are confused") + html.chart(
        page.charts["confusion"],
        alt="Confusion matrix: true class by row, predicted class by column",
        caption="Each row is a true class, each column a predicted one. The diagonal is right; "
        "red cells are mistakes, the stronger the colour the more.",
    )


def _classes(page: Page) -> str:
    words = html.paragraph(
        "Precision: of the predictions of this class, the share that is right. Recall: of the "
        "images of this class, the share that is predicted as such. F1 is their harmonic mean."
    )
    return html.subtitle("Class by class") + words + _class_table(page)


def _calibration(page: Page) -> tuple[str, str]:
    words = html.paragraph(
        "Softmax turns the last layer's scores into probabilities. A calibrated network is right "
        f"in 90{SPACE}% of its predictions with a probability of 90{SPACE}%. Bars above the dashed "
        "line are underconfident, bars below it overconfident. The lower chart has the number of "
        "images of each bar: few images say little."
    )
    chart = html.chart(page.charts["reliability"], alt="Reliability diagram of the test split")
    return html.subtitle("Calibration") + words, chart


def _class_table(page: Page) -> str:
    found = page.evaluation.per_class
    shares = zip(found.precision, found.recall, found.f1, strict=True)
    return html.table(
        ("class", "precision", "recall", "F1", "images"),
        [
            (name, *(percent(share) for share in row), count(images))
            for name, row, images in zip(page.card.classes, shares, found.images, strict=True)
        ],
    )


def _summary_table(found: Evaluation) -> str:
    columns = (found.validation, found.test)
    return html.table(
        ("measure", "validation", "test"),
        (
            ("accuracy", *(percent(one.accuracy) for one in columns)),
            (
                "balanced accuracy (mean recall of the classes)",
                *(percent(one.balanced_accuracy) for one in columns),
            ),
            (
                "macro F1 (mean over classes that occur)",
                *(f"{one.macro_f1:.4f}" for one in columns),
            ),
            ("negative log-likelihood", *(f"{one.nll:.4f}" for one in columns)),
            ("expected calibration error", *(percent(one.ece) for one in columns)),
            ("Brier score", *(f"{one.brier:.4f}" for one in columns)),
        ),
    )


def mistakes(page: Page) -> str:
    return html.section(
        "mistakes",
        "The most confident mistakes",
        html.paragraph(
            "Misclassified test images, the most probable prediction first. Some are hard for "
            "people too, and some have a wrong label; the others show what the network cannot do."
        ),
        html.chart(page.charts["mistakes"], alt="Misclassified test images", width="wide"),
    )


def robustness(page: Page) -> str:
    return html.section(
        "robustness",
        "Robustness",
        html.paragraph(
            "The accuracy on the same test images after a change."
            + _shifts(page.layers)
            + " A change that training images never had can lower it a lot."
        ),
        html.chart(page.charts["robustness"], alt="Accuracy on changed test images", width="middle")
        + html.pairs({name: meaning(name) for name in page.evaluation.robustness}),
    )


def _shifts(layers: tuple[Layer, ...]) -> str:
    if not layer_words.pools(layers):
        return ""
    return " Pooling makes a network less sensitive to small shifts."


def inside(page: Page) -> str:
    filters = page.charts.get("filters")
    return html.section(
        "inside",
        "Inside the network",
        html.paragraph(
            "A convolution slides a small filter over the image: at each position the pixels are "
            "multiplied by the filter's weights and added up, which gives one number of a feature "
            "map. The weights of the filters come from training alone."
        )
        + html.chart(
            filters,
            alt="Learned filters of the first convolution",
            caption=f"Filters of the first convolution. {_filter_colours(page.dataset)}",
            width="narrow",
        )
        if filters
        else "",
        html.subtitle("One image of each class, layer by layer"),
        html.paragraph(layer_words.steps(page.layers)),
        html.chart(
            page.charts["feature_maps"],
            alt="Feature maps of one test image per class through every layer",
            caption="At most 16 maps of a layer are shown; orange is positive, blue is negative, "
            "each layer on its own scale.",
            width="wide",
        ),
    )


def _filter_colours(dataset: Dataset) -> str:
    if dataset.image_shape[0] == len(("red", "green", "blue")):
        return "Grey is zero, and a colour is what the filter responds to."
    return "Orange weights are positive, blue ones negative."
