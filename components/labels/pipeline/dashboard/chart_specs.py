"""Vega-Lite specifications of the kinds of chart, over the rows of a view.

The data is named "rows" and comes later. Beside each column the rows have `<name>_text`, as a reader wants
it, and for a step of time `<name>_start` and `<name>_end` in milliseconds. Colours and fonts are the page's
(`theme`); a meaning that a colour has is also in a position, a shape or a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

Spec = Mapping[str, Any]
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#b4578d", "#b98300", "#3d9bd1", "#6a5acd", "#6b7280"),
    *("#7a4a1e", "#00838f", "#a3173f", "#6f8f1f"),
)
_STEP = 24  # pixels of a bar
_HEIGHT = 230
# Hours below one as minutes, as the figures beside the bars have them.
_HOURS = (
    "datum.value && domain('x')[1] < 1 ? format(datum.value * 60, '.3~r') + ' min' : format(datum.value, ',')"
)


def _rows() -> alt.Chart:
    return alt.Chart(alt.NamedData("rows"))


def _spec(chart: Any) -> Spec:
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("config", None)
    spec.pop("$schema", None)
    return spec


def _colour(field: str, domain: Sequence[str]) -> alt.Color:
    """Colours of parts; their legend is the page's, or of `export`."""
    scale = alt.Scale(domain=list(domain)) if domain else alt.Undefined
    return alt.Color(f"{field}:N", scale=scale, legend=None)


def _names(field: str) -> alt.Y:
    """Names down the side, in the order of the rows."""
    axis = alt.Axis(labelLimit=170, title=None, ticks=False, domain=False, labelPadding=8)
    return alt.Y(f"{field}:N", sort=None, axis=axis)


def bars(name: str, measure: str, title: str, *, share: bool = False) -> Spec:
    """Horizontal bars with their figure at the end; `share` if that is one of 0 to 1."""
    base = _rows().encode(y=_names(name), x=alt.X(f"{measure}:Q", title=title, axis=_quantity(share, title)))
    text = base.mark_text(align="left", dx=6).encode(text=f"{measure}_text:N")
    return _spec(
        (base.mark_bar(cornerRadiusEnd=3) + text).properties(width="container", height=alt.Step(_STEP))
    )


def _quantity(share: bool, title: str = "") -> alt.Axis:
    words = {"format": "%"} if share else {"labelExpr": _HOURS} if title == "hours" else {}
    return alt.Axis(tickCount=4, labelFlush=False, labelOverlap="greedy", labelSeparation=6, **words)


def stacks(
    name: str, measure: str, part: str, title: str, domain: Sequence[str] = (), *, share: bool = False
) -> Spec:
    """Horizontal bars made of parts; with `share` each has the same length."""
    x = alt.X(
        f"{measure}:Q", title=title, stack="normalize" if share else "zero", axis=_quantity(share, title)
    )
    chart = _rows().mark_bar().encode(y=_names(name), x=x, color=_colour(part, domain))
    return _spec(chart.properties(width="container", height=alt.Step(_STEP)))


def donut(name: str, measure: str, domain: Sequence[str]) -> Spec:
    """A ring of a few parts; the page writes its legend with the figures."""
    chart = (
        _rows()
        .mark_arc(innerRadius=58, outerRadius=94, padAngle=0.012, cornerRadius=2)
        .encode(theta=alt.Theta(f"{measure}:Q", stack=True), color=_colour(name, domain))
    )
    return _spec(chart.properties(width=200, height=200))


def columns(name: str, measure: str, title: str, count: str, domain: Sequence[str]) -> Spec:
    """Upright columns over the ordered values of `domain`: a histogram."""
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4, title=title, ticks=False)
    chart = (
        _rows()
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X(
                f"{name}:N", sort=None, axis=axis, scale=alt.Scale(paddingInner=0.12, domain=list(domain))
            ),
            y=alt.Y(f"{measure}:Q", title=count, axis=alt.Axis(tickCount=5)),
        )
    )
    return _spec(chart.properties(width="container", height=_HEIGHT))


def _times(step: str) -> alt.Axis:
    smallest = 3_600_000 * (1 if step == "hour" else 24)
    written = {
        "hours": "%H:%M",
        "day": "%d %b",
        "date": "%d %b",
        "week": "%d %b",
        "month": "%b",
        "year": "%Y",
    }
    return alt.Axis(labelOverlap=True, tickCount=7, tickMinStep=smallest, format=written)


def timeline(step: str, measure: str, part: str, title: str, domain: Sequence[str]) -> Spec:
    """Columns over time, made of parts."""
    x = alt.X(
        f"{step}_start:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=_times(step),
    )
    chart = (
        _rows()
        .mark_bar(orient="vertical", binSpacing=1)
        .encode(
            x=x,
            x2=f"{step}_end:T",
            y=alt.Y(f"{measure}:Q", title=title, axis=alt.Axis(tickCount=5)),
            color=_colour(part, domain),
        )
    )
    return _spec(chart.properties(width="container", height=_HEIGHT))


def scatter(time: str, measure: str, kind: str, title: str, domain: Sequence[str]) -> Spec:
    """Points over time on a logarithmic scale, whose kind is shown by shape and colour."""
    shapes = alt.Scale(
        domain=list(domain), range=["triangle-down", "triangle-up", "square", "circle", "cross"]
    )
    colours = alt.Scale(domain=list(domain), range=["#d55e00", "#b4578d", "#b98300", "#8a94a3", "#8a94a3"])
    legend = alt.Legend(orient="top", symbolOpacity=1, symbolSize=70, columns=3)
    x = alt.X(
        f"{time}_start:T",
        title=None,
        scale=alt.Scale(type="utc", nice=True),
        axis=_times("hour"),
    )
    chart = (
        _rows()
        .mark_point(filled=True)
        .encode(
            x=x,
            y=alt.Y(
                f"{measure}:Q",
                title=title,
                scale=alt.Scale(type="log"),
                axis=alt.Axis(tickCount=4, format="~g"),
            ),
            color=alt.Color(f"{kind}:N", title=None, scale=colours, legend=legend),
            shape=alt.Shape(f"{kind}:N", title=None, scale=shapes, legend=legend),
            size=alt.condition(f"datum.{kind} === '{domain[-2]}'", alt.value(22), alt.value(70)),
            opacity=alt.condition(f"datum.{kind} === '{domain[-2]}'", alt.value(0.55), alt.value(1)),
        )
    )
    return _spec(chart.properties(width="container", height=_HEIGHT + 70))


def heat(across: str, down: str, measure: str, title: str, *, text: bool) -> Spec:
    """A matrix whose cells are shaded from 0 to 1, and say their figure where there is room."""
    axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=150, labelAngle=-60, orient="bottom")
    colour = alt.Color(
        f"{measure}:Q",
        title=title,
        scale=alt.Scale(domain=[0, 1], clamp=True, scheme="viridis"),
        legend=alt.Legend(orient="top", gradientLength=160, gradientThickness=10),
    )
    base = _rows().encode(x=alt.X(f"{across}:N", sort=None, axis=axis), y=_names(down))
    cells: Any = base.mark_rect(cornerRadius=2).encode(color=colour)
    if text:
        ink = alt.condition(f"datum.{measure} > 0.42", alt.value("#000000"), alt.value("#ffffff"))
        seen = alt.condition("bandwidth('x') < 27", alt.value(0), alt.value(1))
        cells += base.mark_text(fontSize=11).encode(text=f"{measure}_text:N", color=ink, opacity=seen)
    return _spec(cells.properties(width="container", height=alt.Step(26)))


def theme(ink: str, soft: str, line: str, palette: Sequence[str], font: str) -> Mapping[str, Any]:
    """Return the configuration of a chart on paper; the page makes the same of its style's colours."""
    text = {
        "labelColor": soft,
        "titleColor": soft,
        "labelFont": font,
        "titleFont": font,
        "titleFontWeight": 500,
    }
    return {
        "background": None,
        "font": font,
        "view": {"stroke": None},
        "range": {"category": list(palette)},
        "axis": {
            **text,
            "gridColor": line,
            "domainColor": line,
            "tickColor": line,
            "labelFontSize": 11,
            "titleFontSize": 11,
        },
        "axisY": {"domain": False, "ticks": False},
        "axisBand": {"grid": False},
        "legend": {**text, "labelFontSize": 11, "titleFontSize": 11, "symbolType": "square"},
        "text": {"color": soft, "font": font, "fontSize": 11},
        "title": {"color": ink, "font": font, "anchor": "start", "fontSize": 13, "fontWeight": 640},
        "bar": {"color": palette[0]},
    }
