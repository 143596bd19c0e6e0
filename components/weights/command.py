"""`brume models`: the weights that packages carry, and where they were found."""

from __future__ import annotations

import click

from brume import weights


@click.command()
def models() -> None:
    """List the models whose weights packages carry: licence, origin, size, and where they were found."""
    for number, model in enumerate(weights.catalog().values()):
        if number:
            click.echo()
        click.echo(f"{model.name}: {model.purpose}")
        try:
            place = str(weights.locate(model.name))
        except weights.WeightsError as error:
            place = f"absent: {error}"
        for head, text in (
            ("size", f"{model.size / 1e6:.0f} MB"),
            ("licence", f"{model.licence}; {model.notice}"),
            ("origin", model.origin),
            ("packages", ", ".join(model.packages)),
            ("found", place),
        ):
            click.echo(f"  {head:8}  {text}")
