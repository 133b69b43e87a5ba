"""Draws bars and lines on a logarithmic scale as SVG, with nothing but strings."""
import math
from html import escape

WIDTH, HEIGHT = 860, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 70, 50
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2")


def bars(title, unit, groups, series):
    """`series` maps a name to one value per group; `None` leaves a gap."""
    scale, drawing = _frame(title, unit, series)
    step = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = step * 0.8 / len(series)
    for index, label in enumerate(groups):
        x = LEFT + step * index
        drawing.append(_text(x + step / 2, HEIGHT - BOTTOM + 20, label, "middle"))
        for place, values in enumerate(series.values()):
            if values[index] is None or values[index] <= 0:
                continue
            y, left = scale(values[index]), x + step * 0.1 + bar * place
            drawing.append(
                f'<rect x="{left:.1f}" y="{y:.1f}" width="{bar * 0.94:.1f}" '
                f'height="{HEIGHT - BOTTOM - y:.1f}" fill="{COLOURS[place]}"/>'
            )
            drawing.append(_text(left + bar / 2, y - 4, f"{values[index]:.3g}", "middle", 10))
    return _whole(drawing)


def lines(title, unit, labels, series):
    """`series` maps a name to one value per label, evenly spread."""
    scale, drawing = _frame(title, unit, series)
    step = (WIDTH - LEFT - RIGHT) / len(labels)
    for index, label in enumerate(labels):
        x = LEFT + step * (index + 0.5)
        drawing.append(_text(x, HEIGHT - BOTTOM + 20, label, "middle"))
    for place, values in enumerate(series.values()):
        points = [(LEFT + step * (index + 0.5), scale(value))
                  for index, value in enumerate(values) if value]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = COLOURS[place]
        drawing.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                       'stroke-width="2"/>')
        drawing += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
                    for x, y in points]
    return _whole(drawing)


def _frame(title, unit, series):
    """The title, the legend and the grid of decades; and the scale from value to height."""
    values = [value for row in series.values() for value in row if value and value > 0] or [1]
    low = 10 ** math.floor(math.log10(min(values) * 0.7))
    high = max(values) * 1.6
    span = math.log10(high / low)

    def scale(value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log10(value / low) / span
    drawing = [_text(LEFT, 24, f"{title}, {unit}", "start", 16)]
    x = LEFT
    for place, name in enumerate(series):
        drawing.append(f'<rect x="{x}" y="36" width="11" height="11" fill="{COLOURS[place]}"/>')
        drawing.append(_text(x + 16, 46, name))
        x += 34 + 7 * len(name)
    decade = low
    while decade <= high:
        for tick, shade in ((decade, "#bbb"), (decade * 2, "#eee"), (decade * 5, "#eee")):
            if tick <= high:
                y = scale(tick)
                drawing.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{shade}"/>')
                drawing.append(_text(LEFT - 8, y + 4, f"{tick:g}", "end"))
        decade *= 10
    return scale, drawing


def _text(x, y, text, anchor="start", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}">{escape(text)}</text>')


def _whole(drawing):
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif">')
    back = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    return "\n".join([head, back, *drawing, "</svg>"]) + "\n"
