"""What the report tells and shows, for a reader who has not met convolutional networks before."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.data.arrays import Dataset
from pipeline.evaluation.card import Card
from pipeline.evaluation.measured import Evaluation
from pipeline.evaluation.training_record import Curves
from pipeline.report import html


@dataclass(frozen=True)
class Page:
    card: Card
    dataset: Dataset
    evaluation: Evaluation
    charts: Mapping[str, str]  # NAME: <svg>
    contact_sheet: bytes  # PNG
    curves: Curves
    file_bytes: int  # of model.onnx


def data(page: Page) -> str:
    counts = page.dataset.counts
    words = html.paragraph(
        "To a network an image is a table of pixel values from 0 to 255, one table for each "
        f"colour channel. The data set {page.dataset.name!r} comes in three parts: the network "
        "learns from the training split, choices are made on the validation split, and the "
        "test split is opened once, for this page."
    )
    splits = html.table(
        ("split", "images", "what for"),
        (
            ("training", f"{counts.train:,}", "learning"),
            ("validation", f"{counts.val:,}", "choosing, and checking the export"),
            ("test", f"{counts.test:,}", "this evaluation"),
        ),
    )
    sheet = html.picture(
        page.contact_sheet,
        alt="Training images, a row for each class",
        caption="The first training images of each class, with how many there are.",
    )
    return html.section("data", "Data", html.beside(words + splits, sheet))


def learning(page: Page) -> str:
    return html.section(
        "learning",
        "Learning",
        html.paragraph(
            "Learning begins with random weights. Again and again the network answers for some "
            "training images, the loss says how far the answers are from the truth, and every "
            "weight is moved a little in the direction that makes the loss smaller. One pass over "
            f"all training images is an epoch; this network saw {len(page.curves.epoch)}, and "
            f"ended with a loss of {page.curves.train_loss[-1]:.4f} on the training images and "
            f"{page.curves.val_loss[-1]:.4f} on the validation images."
        ),
        html.chart(
            page.charts["curves"],
            alt="Losses, validation accuracy and learning rate by epoch",
            caption="Where the validation loss rises while the training loss falls, the network "
            "has begun to learn the training images by heart. Training may look worse than "
            "validation: its images are distorted on purpose.",
            width="wide",
        ),
        html.subtitle("The same images, epoch after epoch"),
        html.paragraph(
            "Before learning (epoch 0) the probabilities of all classes are about equal. Blue is "
            "the probability of the true class, grey are the others; together they are always 1."
        ),
        html.chart(
            page.charts["replay"],
            alt="Probability of each class by epoch, for a few validation images",
            width="wide",
        ),
    )


def quality(page: Page) -> str:
    test = page.evaluation.test
    words = html.paragraph(
        f"Of {test.images:,} test images, {test.accuracy:.2%} got the right answer. Another "
        f"sample of that size would give another number: the interval from "
        f"{test.accuracy_low:.2%} to {test.accuracy_high:.2%} holds the true rate with 95% "
        "confidence (Wilson's score interval)."
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
    return html.subtitle("Which classes are taken for which") + html.chart(
        page.charts["confusion"],
        alt="Confusion matrix: truth by row, answer by column",
        caption="Each row is a true class, each column an answer. Right answers lie on the blue "
        "diagonal; orange cells are mistakes, the stronger the colour the more.",
    )


def _classes(page: Page) -> str:
    words = html.paragraph(
        "Precision: of the answers that name this class, the share that is right. Recall: of the "
        "images of this class, the share that is found. F1 is their harmonic mean."
    )
    return html.subtitle("Class by class") + words + _class_table(page)


def _calibration(page: Page) -> tuple[str, str]:
    words = html.paragraph(
        "Softmax turns the last layer's scores into probabilities. A calibrated network is right "
        "in 90% of the cases in which it claims 90%. Bars above the dashed line were too "
        "modest, bars below it too bold. The lower chart says how many images lie in each bar: "
        "a bar of few images says little."
    )
    chart = html.chart(page.charts["reliability"], alt="Reliability diagram of the test split")
    return html.subtitle("Does it know when it is unsure?") + words, chart


def _class_table(page: Page) -> str:
    found = page.evaluation.per_class
    shares = zip(found.precision, found.recall, found.f1, strict=True)
    return html.table(
        ("class", "precision", "recall", "F1", "images"),
        [
            (name, *(f"{share:.2%}" for share in row), f"{images:,}")
            for name, row, images in zip(page.card.classes, shares, found.images, strict=True)
        ],
    )


def _summary_table(found: Evaluation) -> str:
    columns = (found.validation, found.test)
    return html.table(
        ("measure", "validation", "test"),
        (
            ("accuracy", *(f"{one.accuracy:.2%}" for one in columns)),
            (
                "macro F1 (mean over classes that occur)",
                *(f"{one.macro_f1:.4f}" for one in columns),
            ),
            ("negative log-likelihood", *(f"{one.nll:.4f}" for one in columns)),
            ("expected calibration error", *(f"{one.ece:.2%}" for one in columns)),
            ("Brier score", *(f"{one.brier:.4f}" for one in columns)),
        ),
    )


def mistakes(page: Page) -> str:
    return html.section(
        "mistakes",
        "The worst mistakes",
        html.paragraph(
            "Test images with a wrong answer, the surest first. Some would puzzle people too; "
            "some carry a wrong label; the others show what the network has not understood."
        ),
        html.chart(page.charts["mistakes"], alt="Wrongly answered test images", width="wide"),
    )


def robustness(page: Page) -> str:
    return html.section(
        "robustness",
        "Robustness",
        html.paragraph(
            "The same test images, changed before the network sees them. Pooling makes a network "
            "indifferent to small shifts; what it never met in training, such as dark ink on "
            "bright ground, it may not recognise at all."
        ),
        html.chart(
            page.charts["robustness"], alt="Accuracy on changed test images", width="middle"
        ),
    )


def inside(page: Page) -> str:
    filters = page.charts.get("filters")
    return html.section(
        "inside",
        "Inside the network",
        html.paragraph(
            "A convolution slides a small filter over the image: at each place the pixels are "
            "multiplied with the filter's weights and summed, which gives one number of a feature "
            "map. Nobody wrote these filters; they are what learning made of random numbers."
        ),
        html.chart(
            filters,
            alt="Learned filters of the first convolution",
            caption="Filters of the first convolution. One channel: blue weights are positive, "
            "orange ones negative. Three channels: the colours a filter answers to.",
            width="narrow",
        )
        if filters
        else "",
        html.subtitle("One image of each class, layer by layer"),
        html.paragraph(
            "From left to right: the image, what the network really receives, then the feature "
            "maps after convolution, non-linearity (which, for ReLU, removes everything negative) "
            "and pooling (which keeps the strongest of each window), then fully connected units, "
            "and at the end one probability for each class. Early maps still look like the image, "
            "late ones only say what is in it."
        ),
        html.chart(
            page.charts["feature_maps"],
            alt="Feature maps of one test image per class through every layer",
            caption="At most sixteen maps of a layer are shown; blue is above zero, orange below, "
            "each layer on its own scale.",
            width="wide",
        ),
    )
