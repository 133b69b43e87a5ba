"""Draws curves over time as SVG, with nothing but strings."""
from svg import BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, _text, _whole

TICKS = 5


def curves(title, unit, series):
    """`series` maps a name to points of seconds and values, both from 0 on a linear scale."""
    points = [point for row in series.values() for point in row] or [(1, 1)]
    high_x = max(x for x, _ in points) or 1
    high_y = max(y for _, y in points) or 1

    def place(x, y):
        return (LEFT + (WIDTH - LEFT - RIGHT) * x / high_x,
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / high_y)
    drawing = [_text(LEFT, 24, f"{title}, {unit}", "start", 16)]
    for tick in range(TICKS + 1):
        x, y = place(high_x * tick / TICKS, high_y * tick / TICKS)
        drawing.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        drawing.append(_text(LEFT - 8, y + 4, f"{high_y * tick / TICKS:,.0f}", "end", 10))
        drawing.append(_text(x, HEIGHT - BOTTOM + 20, f"{high_x * tick / TICKS:.0f} s", "middle"))
    legend = LEFT
    for colour, (name, row) in zip(COLOURS, series.items()):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in _thin(row))
        drawing.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                       'stroke-width="2"/>')
        drawing.append(f'<rect x="{legend}" y="36" width="11" height="11" fill="{colour}"/>')
        drawing.append(_text(legend + 16, 46, name))
        legend += 34 + 7 * len(name)
    return _whole(drawing)


def _thin(row, count_max=600):
    """No more points than can be seen; the last one stays."""
    step = max(1, len(row) // count_max)
    return row[::step] + row[-1:]
