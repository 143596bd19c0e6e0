"""The curves of a slides report: ROC of each class, and training epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brume.report import charts
from brume.report.page import Figure
from brume.slides.model.metrics import Evaluation


def roc(found: Evaluation) -> Figure:
    """Draw the ROC of each class that has one."""
    curves = [
        charts.Line(metrics.label, [(false, true) for false, true, _ in metrics.roc], index)
        for index, metrics in enumerate(found.per_class)
        if metrics.roc
    ]
    labels = {f.label: f"{f.label}, AUC {f.auc:.3f}" for f in found.per_class if f.auc is not None}
    described = "; ".join(labels.values()) or "no class has a curve"
    return Figure(
        "ROC, each class against the rest",
        charts.lines(
            curves,
            x_title="false positive rate",
            y_title="true positive rate",
            x_range=(0, 1),
            y_range=(0, 1),
            description=f"Receiver operating characteristic: {described}.",
            diagonal=True,
            marks=False,
        ),
        legend=[(labels[line.label], line.colour) for line in curves],
    )


def training(history: Sequence[Mapping[str, float | None]]) -> list[Figure]:
    """Draw loss and accuracy of training and validation; `history` has one row an epoch.

    A row holds `epoch` and any of `loss`, `valid_loss`, `accuracy` and `valid_accuracy`, or None for it.
    """
    figures = []
    for name, title in (("loss", "Loss"), ("accuracy", "Tile accuracy")):
        curves = [
            charts.Line(
                f"{split} {title.lower()}",
                [
                    (number, value)
                    for epoch in history
                    if (number := epoch["epoch"]) is not None and (value := epoch.get(key)) is not None
                ],
                colour,
            )
            for key, split, colour in ((name, "training", 0), (f"valid_{name}", "validation", 1))
        ]
        curves = [line for line in curves if line.points]
        if not curves:
            continue
        values = [y for line in curves for _, y in line.points]
        epochs = [x for line in curves for x, _ in line.points]
        last = ", ".join(f"{line.label} {line.points[-1][1]:.3f}" for line in curves)
        figures.append(
            Figure(
                title,
                charts.lines(
                    curves,
                    x_title="epoch",
                    y_title=title.lower(),
                    x_range=(min(epochs), max(epochs)),
                    y_range=(0, max(values)) if name == "loss" else (min(values), 1),
                    description=f"{title} by epoch; at the end {last}.",
                ),
                legend=[(line.label, line.colour) for line in curves],
            )
        )
    return figures
