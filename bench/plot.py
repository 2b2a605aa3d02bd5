"""Plots as SVG, by hand: bars in panels, and lines over time.

    bars(title, panels)          panels: [(title, [(label, value, text)])]
    lines(title, x, y, series)   series: [(label, [(x, y)])]

Both return the file's text. Colours go with the label, so that a handler looks
the same in every plot; the page may be light or dark, the plot is light.
"""

import html

COLOURS = ["#0b6e4f", "#5aa88c", "#c1440e", "#e08e45", "#4f772d", "#2f6690",
           "#8d99ae", "#6d597a", "#b8bfcc"]
FONT = 'font-family="Helvetica, Arial, sans-serif"'
WIDTH = 860


def _text(x, y, text, size=12, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {FONT} '
            f'text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="#222">{html.escape(text)}</text>')


def _page(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}">'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' +
            "\n".join(parts) + "\n</svg>\n")


def bars(title, panels, colours):
    """Horizontal bars; each panel has a scale of its own, from zero."""
    parts, y = [_text(16, 26, title, 16, weight="bold")], 46
    left, right = 300, WIDTH - 110
    for name, rows in panels:
        parts.append(_text(16, y + 14, name, 13, weight="bold"))
        y += 24
        top = max((value for _, value, _ in rows), default=0) or 1
        for label, value, text in rows:
            width = max(1.0, (right - left) * value / top)
            parts.append(_text(left - 8, y + 13, label, anchor="end"))
            parts.append(f'<rect x="{left}" y="{y + 2}" '
                         f'width="{width:.1f}" height="14" '
                         f'fill="{colours[label]}"/>')
            parts.append(_text(left + width + 6, y + 13, text))
            y += 20
        y += 12
    return _page(y, parts)


def _steps(top):
    """A few round numbers up to `top`."""
    step = 1.0
    while top / step > 6:
        step *= 2.5 if str(step)[0] == "2" else 2
    out, value = [], 0.0
    while value <= top * 1.0001:
        out.append(value)
        value += step
    return out


def lines(title, x_title, y_title, series, colours):
    """Lines from (0, 0), each with its label at its end."""
    left, right, top, bottom = 70, WIDTH - 230, 56, 400
    x_max = max((x for _, points in series for x, _ in points), default=1)
    y_max = max((y for _, points in series for _, y in points), default=1) or 1

    def at(x, y):
        return (left + (right - left) * x / x_max,
                bottom - (bottom - top) * y / y_max)
    parts = [_text(16, 26, title, 16, weight="bold"),
             _text((left + right) / 2, bottom + 40, x_title, anchor="middle"),
             _text(16, 46, y_title)]
    for value in _steps(y_max):
        _, y = at(0, value)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" '
                     f'y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(left - 8, y + 4, f"{value:g}", anchor="end"))
    for value in _steps(x_max):
        x, _ = at(value, 0)
        parts.append(_text(x, bottom + 18, f"{value:g}", anchor="middle"))
    taken = []
    for label, points in sorted(series, key=lambda s: -s[1][-1][1]):
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" '
                     f'stroke="{colours[label]}" stroke-width="2.5"/>')
        x, y = at(*points[-1])
        y = max([y] + [t + 16 for t in taken[-1:]])     # no label on another
        taken.append(y)
        parts.append(_text(x + 8, y + 4, f"{label}: {points[-1][1]:g}"))
    return _page(max(bottom, *taken) + 56, parts)
