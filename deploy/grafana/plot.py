"""A dashboard's panels as SVG, from what Prometheus answered: lines, heatmaps, single values, tables, shares. Values in, text out.
Called by: draw-dashboards.

Invariants
  P1  What is drawn is what was answered: nothing is smoothed, filled in or left out but where the picture says so ("and 3 more").
  P2  Coordinates are whole pixels, so that pictures stay small.
  P3  What is not data has its color from INK, by class: a picture is light or dark as its reader's page is.
"""

import html
import math
import time

COLUMN_PX, ROW_PX = 50, 30  # of the dashboard's grid
COLORS = ("#3f8f3f", "#c9a200", "#3274d9", "#d9690f", "#c4162a", "#8f3bb8", "#0a7f7f", "#7a5c2e")
NAMED = {"green": "#3f8f3f", "yellow": "#c9a200", "red": "#c4162a"}
HEAT = ("#fdd8b5", "#fdb97d", "#fd8d3c", "#e6550d", "#a63603", "#5c1d02")
# class: (property, light, dark)
INK = {"ink": ("fill", "#222", "#d8d9da"), "soft": ("fill", "#666", "#9da2a6"), "axis": ("stroke", "#e4e4e4", "#2c3235"),
       "ground": ("fill", "#f4f5f5", "#111217"), "box": ("fill", "#fff", "#181b1f"), "edge": ("stroke", "#ccc", "#34383e")}
LEGEND_LINES, LEGEND_MAX, TABLE_ROWS_MAX = 4, 8, 10  # past LEGEND_LINES a legend has two columns
SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
BINARY = ((1 << 40, " TiB"), (1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B"))
SECONDS = ((60, " min", 60), (1, " s", 1), (1e-3, " ms", 1e-3), (0, " µs", 1e-6))
PER_SECOND = {"ops": "{} ops/s", "reqps": "{} req/s", "Bps": " {}B/s"}  # where the thousands' letter goes


def short(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def with_unit(value, unit):
    """A value in one of the panels' units, as a legend has it."""
    if value is None or math.isnan(value):
        return "no value"
    size = abs(value)
    if unit == "percentunit":
        return f"{short(value * 100)} %"
    if unit == "percent":
        return f"{short(value)} %"
    if unit == "s":
        if size == 0:
            return "0 s"
        _, name, one = next(step for step in SECONDS if size >= step[0])
        return short(value / one) + name
    steps = BINARY if unit == "bytes" else SI
    one, name = next((step for step in steps if size >= step[0]), steps[-1])
    if unit in PER_SECOND:
        return short(value / one) + PER_SECOND[unit].format(name)
    return short(value / one) + name


def in_words(value, defaults):
    """A value by the panel's mappings, or with its unit."""
    for mapping in defaults.get("mappings", ()):
        if f"{value:g}" in mapping["options"]:
            return mapping["options"][f"{value:g}"]["text"]
    return with_unit(value, defaults["unit"])


def text(x, y, words, size=11, anchor="start", color="ink", weight=""):
    """`color` is one of INK's, or a color."""
    weight = f' font-weight="{weight}"' if weight else ""
    paint = f'class="{color}"' if color in INK else f'fill="{color}"'
    return (f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" {paint}{weight}>'
            f"{html.escape(words, quote=False)}</text>")


def fitting(words, width_px, size=11):
    """As many of the words as there is room for; the face is about 0.55 of its size wide."""
    room = max(1, int(width_px / (0.55 * size)))
    return words if len(words) <= room else words[:room - 1] + "…"


def nice_top(value, unit):
    """A round number from value on, in whose quarters an axis can be marked."""
    if value <= 0:
        return 1.0
    magnitude = 2 ** math.floor(math.log2(value)) if unit == "bytes" else 10 ** math.floor(math.log10(value))
    return next(step * magnitude for step in (1, 2, 4, 8, 10) if step * magnitude >= value * 0.999)


def clock(seconds):
    return time.strftime("%H:%M", time.gmtime(seconds))


class Frame:
    """Where a panel's plot is, and what its axes span."""

    def __init__(self, left, top, width, height, start, end, low, high):
        self.left, self.top, self.width, self.height = left, top, width, height
        self.start, self.end, self.low, self.high = start, end, low, high

    def x(self, seconds):
        return round(self.left + (seconds - self.start) / (self.end - self.start) * self.width)

    def y(self, value):
        share = (value - self.low) / (self.high - self.low)
        return round(self.top + self.height - min(max(share, 0), 1) * self.height)

    def times(self):
        return "".join(text(self.x(at), self.top + self.height + 13, clock(at), 10, "middle", "soft")
                       for at in (self.start + (self.end - self.start) * part / 4 for part in (0.15, 1, 2, 3, 3.85)))

    def grid(self, unit):
        made = []
        for part in range(5):
            value = self.low + (self.high - self.low) * part / 4
            y = self.y(value)
            made.append(f'<path d="M{self.left} {y}h{self.width}" class="axis"/>' +
                        text(self.left - 5, y + 4, with_unit(value, unit), 10, "end", "soft"))
        return "".join(made) + self.times()


def line(frame, points):
    """A path through the points, broken where a value is missing."""
    parts, last = [], None
    for seconds, value in points:
        if math.isnan(value):
            last = None
            continue
        x, y = frame.x(seconds), frame.y(value)
        parts.append(f"M{x} {y}" if last is None else f"l{x - last[0]} {y - last[1]}")
        last = (x, y)
    return "".join(parts)


def legend_line(name, points, color, left, y, width, unit, with_mean):
    known = [value for _, value in points if not math.isnan(value)]
    made = [f'<path d="M{left + 12} {y - 4}h14" stroke="{color}" stroke-width="3"/>',
            text(left + 32, y, fitting(name, width - (200 if with_mean else 110)))]
    if known and with_mean:
        made.append(text(left + width - 90, y, with_unit(sum(known) / len(known), unit), 11, "end"))
    if known:
        made.append(text(left + width - 14, y, with_unit(max(known), unit), 11, "end"))
    return "".join(made)


def legend(shown, left, bottom, width, unit):
    """The first of `shown`, (name, points) each, in one column with mean and maximum, or in two with the maximum."""
    columns = 1 if len(shown) <= LEGEND_LINES else 2
    wide, made = width // columns, []
    for column in range(columns):
        end = left + (column + 1) * wide
        made.append((text(end - 90, bottom, "mean", 10, "end", "soft") if columns == 1 else "") + text(end - 14, bottom, "max", 10, "end", "soft"))
    for index, (name, points) in enumerate(shown[:LEGEND_MAX]):
        made.append(legend_line(name, points, COLORS[index % len(COLORS)], left + index % columns * wide,
                                bottom + 14 * (index // columns + 1), wide, unit, columns == 1))
    if len(shown) > LEGEND_MAX:
        made.append(text(left + 32, bottom, f"and {len(shown) - LEGEND_MAX} more", 10, color="soft"))
    return "".join(made)


def timeseries(series, place, span, defaults):
    """`series` is [(legend, [(seconds, value), ...])]; dashed lines are the thresholds."""
    left, top, width, height = place
    shown = sorted(series, key=lambda one: -max((v for _, v in one[1] if not math.isnan(v)), default=0))
    values = [value for _, points in series for _, value in points if not math.isnan(value)]
    low = min([defaults.get("min", min(values))] + [v for v in values if v < 0])
    high = defaults.get("max") or nice_top(max(values, default=1), defaults["unit"])
    frame = Frame(left + 70, top + 28, width - 84, height - 62 - 14 * (min(len(shown), LEGEND_LINES) + 1), *span, low, high)
    made = [frame.grid(defaults["unit"])]
    for step in defaults["thresholds"]["steps"] if len(defaults["thresholds"]["steps"]) > 1 else ():
        if step["value"] is not None and low < step["value"] <= high:
            made.append(f'<path d="M{frame.left} {frame.y(step["value"])}h{frame.width}" stroke="{NAMED[step["color"]]}" '
                        'stroke-dasharray="6 4"/>')
    made += [f'<path d="{line(frame, points)}" stroke="{COLORS[index % len(COLORS)]}" fill="none" stroke-width="1.5"/>'
             for index, (_, points) in enumerate(shown)]
    made.append(legend(shown, left, frame.top + frame.height + 30, width, defaults["unit"]))
    return "".join(made)


def heatmap(columns, rows, place, span, unit):
    """`columns` is [(seconds, {row: count})]; `rows` are the buckets' upper bounds, the smallest first."""
    left, top, width, height = place
    most = max((count for _, cells in columns for count in cells.values()), default=0)
    frame = Frame(left + 70, top + 28, width - 84, height - 64, *span, 0, len(rows))
    wide = max(2, round(frame.width / max(1, len(columns))))
    paths = [[] for _ in HEAT]
    for seconds, cells in (column for column in columns if frame.x(column[0]) - wide >= frame.left - 1):
        for index, row in enumerate(rows):
            count = cells.get(row, 0)
            if count > most * 1e-6:
                shade = min(len(HEAT) - 1, int(math.sqrt(count / most) * len(HEAT)))
                tall = frame.y(index) - frame.y(index + 1)
                paths[shade].append(f"M{frame.x(seconds) - wide} {frame.y(index + 1)}h{wide - 1}v{tall - 1}h{1 - wide}z")
    made = [f'<path d="{"".join(path)}" fill="{HEAT[shade]}"/>' for shade, path in enumerate(paths) if path]
    every = max(1, math.ceil(len(rows) / 9))
    for index in range(0, len(rows), every):
        name = "∞" if math.isinf(rows[index]) else with_unit(rows[index], unit)
        made.append(text(frame.left - 5, (frame.y(index) + frame.y(index + 1)) // 2 + 4, "≤ " + name, 10, "end", "soft"))
    made.append(frame.times() + text(left + width - 14, top + height - 8, f"darkest: {short(most)} a second", 10, "end", "soft"))
    return "".join(made)


def color_of(value, steps):
    passed = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return NAMED.get(passed[-1] if passed else "green", "#3f8f3f")


def stat(values, place, defaults):
    """`values` is [(legend, value)], side by side."""
    left, top, width, height = place
    values = values[:4]
    wide, made = (width - 8) // len(values), []
    for index, (name, value) in enumerate(values):
        x = left + 4 + index * wide
        made.append(f'<rect x="{x}" y="{top + 26}" width="{wide - 3}" height="{height - 32}" '
                    f'fill="{color_of(value, defaults["thresholds"]["steps"])}"/>' +
                    text(x + wide // 2, top + height // 2 + 16, in_words(value, defaults), 20, "middle", "#fff", "bold") +
                    text(x + wide // 2, top + height - 14, fitting(name, wide - 8, 10), 10, "middle", "#fff"))
    return "".join(made)


def pie(values, place, unit):
    left, top, _, height = place
    total, angle, made = sum(value for _, value in values), -math.pi / 2, []
    middle_x, middle_y, radius = left + height // 2 + 10, top + height // 2 + 10, height // 2 - 30
    for index, (name, value) in enumerate(sorted(values, key=lambda one: -one[1])):
        share = value / total if total else 0
        color, turn = COLORS[index % len(COLORS)], min(share, 0.9999) * 2 * math.pi
        start, end = ((round(middle_x + radius * math.cos(at)), round(middle_y + radius * math.sin(at))) for at in (angle, angle + turn))
        if share > 0:
            made.append(f'<path d="M{middle_x} {middle_y}L{start[0]} {start[1]}A{radius} {radius} 0 {int(share > 0.5)} 1 '
                        f'{end[0]} {end[1]}z" fill="{color}" class="edge"/>')
        y = top + 50 + 18 * index
        made.append(f'<rect x="{left + height + 30}" y="{y - 9}" width="10" height="10" fill="{color}"/>' +
                    text(left + height + 46, y, f"{name}  {with_unit(value, unit)}  ({share:.0%})"))
        angle += turn
    return "".join(made)


def table(columns, rows, place):
    left, top, width, _ = place
    wide, made = (width - 16) // max(1, len(columns)), []
    for index, name in enumerate(columns):
        made.append(text(left + 10 + index * wide, top + 40, fitting(name, wide - 6), weight="bold"))
    for number, row in enumerate(rows[:TABLE_ROWS_MAX]):
        made += [text(left + 10 + index * wide, top + 58 + 16 * number, fitting(str(cell), wide - 6)) for index, cell in enumerate(row)]
    if len(rows) > TABLE_ROWS_MAX:
        made.append(text(left + 10, top + 58 + 16 * TABLE_ROWS_MAX, f"and {len(rows) - TABLE_ROWS_MAX} more", 10, color="soft"))
    return "".join(made)


def panel_box(place, title):
    left, top, width, height = place
    return (f'<rect x="{left}" y="{top}" width="{width}" height="{height}" class="box edge"/>' +
            text(left + 10, top + 18, title, 13, weight="bold"))


def style_of(scheme):
    return "".join(f".{name}{{{ink[0]}:{ink[scheme]}}}" for name, ink in INK.items())


def picture(title, subtitle, parts, height_px):
    """The whole: `parts` are SVG of panels that begin 50 px below the top."""
    width = 24 * COLUMN_PX
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height_px}" viewBox="0 0 {width} {height_px}" '
            'font-family="DejaVu Sans,Helvetica,Arial,sans-serif">\n'
            f"<style>{style_of(1)}@media (prefers-color-scheme: dark){{{style_of(2)}}}</style>\n"
            f'<rect width="{width}" height="{height_px}" class="ground"/>\n' +
            text(8, 22, title, 18, weight="bold") + text(8, 40, subtitle, 11, color="soft") + "\n" + "\n".join(parts) + "\n</svg>\n")
