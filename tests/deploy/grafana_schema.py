"""The fields that a dashboard's JSON may have and must have for Grafana 11.6: the fields of its published schema (@grafana/schema 11.6.0,
kind dashboard 41 and the panel kinds used here), reduced to names, requiredness and the values of enumerations.
Called by: dashboard_schema_test.
"""

# A field's rule: "!" must be there, "?" may be; after it, a type or the values allowed.
ANY, TEXT, NUMBER, FLAG, LIST, OBJECT = object, str, (int, float), bool, list, dict
TOOLTIP = {"mode": ("!", {"multi", "none", "single"}), "sort": ("?", {"asc", "desc", "none"}), "maxHeight": ("?", NUMBER), "maxWidth": ("?", NUMBER)}
LEGEND = {"calcs": ("!", LIST), "displayMode": ("!", {"list", "table", "hidden"}), "placement": ("!", {"bottom", "right"}),
          "showLegend": ("!", FLAG), "asTable": ("?", FLAG), "isVisible": ("?", FLAG), "sortBy": ("?", TEXT), "sortDesc": ("?", FLAG), "width": ("?", NUMBER)}
REDUCE = {"calcs": ("!", LIST), "fields": ("?", TEXT), "limit": ("?", NUMBER), "values": ("?", FLAG)}
ORIENTATION = {"auto", "horizontal", "vertical"}

OPTIONS = {
    "timeseries": {"legend": ("!", LEGEND), "tooltip": ("!", TOOLTIP), "orientation": ("?", ORIENTATION), "timezone": ("?", LIST)},
    "stat": {"colorMode": ("!", {"background", "background_solid", "none", "value"}), "graphMode": ("!", {"area", "line", "none"}),
             "justifyMode": ("!", {"auto", "center"}), "orientation": ("!", ORIENTATION), "reduceOptions": ("!", REDUCE),
             "textMode": ("!", {"auto", "name", "none", "value", "value_and_name"}), "wideLayout": ("!", FLAG), "text": ("?", OBJECT),
             "percentChangeColorMode": ("!", {"inverted", "same_as_value", "standard"}), "showPercentChange": ("!", FLAG)},
    "piechart": {"displayLabels": ("!", LIST), "legend": ("!", {**LEGEND, "values": ("!", LIST)}), "pieType": ("!", {"pie", "donut"}),
                 "reduceOptions": ("!", REDUCE), "tooltip": ("!", TOOLTIP), "orientation": ("?", ORIENTATION), "text": ("?", OBJECT)},
    "heatmap": {"calculate": ("?", FLAG), "calculation": ("?", OBJECT), "cellGap": ("?", NUMBER), "cellRadius": ("?", NUMBER),
                "cellValues": ("?", OBJECT), "exemplars": ("!", {"color": ("!", TEXT)}), "filterValues": ("?", {"ge": ("?", NUMBER), "le": ("?", NUMBER)}),
                "color": ("!", {"mode": ("?", {"opacity", "scheme"}), "scheme": ("!", TEXT), "fill": ("!", TEXT), "exponent": ("!", NUMBER),
                                "steps": ("!", NUMBER), "reverse": ("!", FLAG), "scale": ("?", {"linear", "exponential"}), "min": ("?", NUMBER), "max": ("?", NUMBER)}),
                "legend": ("!", {"show": ("!", FLAG)}), "rowsFrame": ("?", {"layout": ("?", {"auto", "ge", "le", "unknown"}), "value": ("?", TEXT)}),
                "selectionMode": ("?", TEXT), "showValue": ("!", {"auto", "never", "always"}),
                "tooltip": ("!", {**TOOLTIP, "yHistogram": ("?", FLAG), "showColorScale": ("?", FLAG)}), "yAxis": ("!", OBJECT)},
    "table": {"cellHeight": ("?", {"sm", "md", "lg", "auto"}), "footer": ("?", OBJECT), "frameIndex": ("!", NUMBER), "showHeader": ("!", FLAG),
              "showTypeIcons": ("?", FLAG), "sortBy": ("?", LIST)},
}
# Panel types that Grafana no longer has, or never had without a plug-in.
REMOVED = {"graph", "singlestat", "table-old", "grafana-piechart-panel", "grafana-worldmap-panel", "grafana-singlestat-panel", "heatmap-new", "dashlist-old"}

GRID = {"h": ("!", NUMBER), "w": ("!", NUMBER), "x": ("!", NUMBER), "y": ("!", NUMBER), "static": ("?", FLAG)}
SOURCE = {"type": ("?", TEXT), "uid": ("?", TEXT)}
STEP = {"color": ("!", TEXT), "value": ("!", ANY)}
FIELD = {"color": ("?", {"mode": ("!", {"thresholds", "palette-classic", "fixed"})}), "custom": ("?", OBJECT), "decimals": ("?", NUMBER),
         "links": ("?", LIST), "mappings": ("?", LIST), "max": ("?", NUMBER), "min": ("?", NUMBER), "noValue": ("?", TEXT),
         "thresholds": ("?", {"mode": ("!", {"absolute", "percentage"}), "steps": ("!", [STEP])}), "unit": ("?", TEXT)}
TARGET = {"refId": ("!", TEXT), "datasource": ("?", SOURCE), "editorMode": ("?", {"code", "builder"}), "expr": ("!", TEXT),
          "exemplar": ("?", FLAG), "format": ("?", {"time_series", "table", "heatmap"}), "instant": ("?", FLAG), "range": ("?", FLAG),
          "interval": ("?", TEXT), "legendFormat": ("?", TEXT)}
PANEL = {"id": ("!", NUMBER), "type": ("!", set(OPTIONS)), "title": ("!", TEXT), "description": ("?", TEXT), "gridPos": ("!", GRID),
         "datasource": ("!", SOURCE), "targets": ("!", [TARGET]), "fieldConfig": ("!", {"defaults": ("!", FIELD), "overrides": ("!", LIST)}),
         "options": ("!", OBJECT), "transformations": ("?", [{"id": ("!", {"filterFieldsByName", "organize"}), "options": ("!", OBJECT)}])}
ROW = {"id": ("!", NUMBER), "type": ("!", {"row"}), "title": ("?", TEXT), "collapsed": ("!", FLAG), "panels": ("!", LIST), "gridPos": ("?", GRID)}
# `definition` is what Grafana's editor writes beside a Prometheus variable's query.
VARIABLE = {"name": ("!", TEXT), "type": ("!", {"query", "datasource"}), "label": ("?", TEXT), "query": ("?", ANY), "datasource": ("?", SOURCE),
            "definition": ("?", TEXT), "refresh": ("?", {0, 1, 2}), "sort": ("?", set(range(9))), "multi": ("?", FLAG), "includeAll": ("?", FLAG),
            "allValue": ("?", TEXT), "hide": ("?", {0, 1, 2}), "skipUrlSync": ("?", FLAG), "regex": ("?", TEXT), "options": ("?", LIST), "current": ("?", OBJECT)}
# After iconColor: what Prometheus's data source reads of an annotation.
ANNOTATION = {"name": ("!", TEXT), "datasource": ("!", SOURCE), "enable": ("!", FLAG), "hide": ("?", FLAG), "iconColor": ("!", TEXT),
              "expr": ("?", TEXT), "titleFormat": ("?", TEXT), "textFormat": ("?", TEXT), "step": ("?", TEXT)}
LINK = {"title": ("!", TEXT), "type": ("!", {"dashboards", "link"}), "icon": ("!", TEXT), "tooltip": ("!", TEXT), "url": ("?", TEXT), "tags": ("!", LIST),
        "asDropdown": ("!", FLAG), "targetBlank": ("!", FLAG), "includeVars": ("!", FLAG), "keepTime": ("!", FLAG)}
DASHBOARD = {"uid": ("!", TEXT), "title": ("!", TEXT), "description": ("?", TEXT), "tags": ("!", LIST), "schemaVersion": ("!", {41}),
             "version": ("?", NUMBER), "editable": ("?", FLAG), "graphTooltip": ("?", {0, 1, 2}), "timezone": ("?", TEXT), "refresh": ("?", TEXT),
             "time": ("!", {"from": ("!", TEXT), "to": ("!", TEXT)}), "timepicker": ("?", {"refresh_intervals": ("?", LIST)}),
             "templating": ("!", {"list": ("!", [VARIABLE])}), "annotations": ("!", {"list": ("!", [ANNOTATION])}), "links": ("!", [LINK]), "panels": ("!", LIST)}


def faults(value, rule, path):
    """What of `value` breaks `rule`, a line each, with where."""
    if isinstance(rule, set):
        if value not in rule:
            yield f"{path}: {value!r} is none of {sorted(map(str, rule))}"
    elif isinstance(rule, list):
        for number, one in enumerate(value):
            yield from faults(one, rule[0], f"{path}[{number}]")
    elif not isinstance(rule, dict):
        if not isinstance(value, rule) or (isinstance(value, bool) and rule is NUMBER):
            yield f"{path}: {value!r} is of another type"
    elif not isinstance(value, dict):
        yield f"{path}: not an object"
    else:
        yield from (f"{path}.{name}: not a field of the schema" for name in value.keys() - rule.keys())
        for name, (need, inner) in rule.items():
            if name in value:
                yield from faults(value[name], inner, f"{path}.{name}")
            elif need == "!":
                yield f"{path}.{name}: missing"


def dashboard_faults(dashboard):
    yield from faults(dashboard, DASHBOARD, dashboard.get("uid", "?"))
    for panel in dashboard.get("panels", []):
        path = f'{dashboard.get("uid")}: {panel.get("title")}'
        if panel.get("type") in REMOVED:
            yield f'{path}: Grafana has no panel "{panel["type"]}" any more'
        yield from faults(panel, ROW if panel.get("type") == "row" else PANEL, path)
        if panel.get("type") in OPTIONS:
            yield from faults(panel.get("options"), OPTIONS[panel["type"]], f"{path}: options")
