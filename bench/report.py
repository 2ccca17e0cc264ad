"""Results as JSON, a Markdown page and an SVG plot."""

import json
import math

import targets
from targets import geomean, ratios

COLORS = {"serial": "#9aa0a6", "parallel": "#5f6368", "Sluice": "#1a73e8", "DuckDB": "#f9ab00",
          "DataFusion": "#e8710a"}


def cell(ratio):
    return f"{ratio[0]:.2f}" if ratio else "-"


def table(results, names):
    lines = ["| query | " + " | ".join(f"{name}, ms" for name in names) + " | parallel / Sluice | "
             "Sluice / DuckDB | runs in | rows |",
             "|---" + "|---:" * (len(names) + 2) + "|---|---|"]
    for row in results:
        cells = [f"{row['ms'][name]:.0f}" if row["ms"].get(name) else "-" for name in names]
        lines.append(f"| {row['query']} | " + " | ".join(cells) +
                     f" | {cell(ratios([row], 'parallel', 'Sluice'))} | {cell(ratios([row], 'Sluice', 'DuckDB'))}"
                     f" | {row['runs_in']} | {row['verdict']} |")
    return lines


def summary(results):
    lines = [f"- geometric mean, {slower} / {faster}: {geomean(ratios(results, slower, faster)):.2f}"
             for slower, faster in (("parallel", "Sluice"), ("serial", "Sluice"), ("Sluice", "DuckDB"),
                                    ("Sluice", "DataFusion"))]
    slowness, query = targets.worst(results)
    return lines + [f"- worst query in `auto`: {query}, {slowness:.2f} times PostgreSQL parallel's time"]


def svg(results, names, title):
    """Horizontal bars on a logarithmic scale, a group a query."""
    times = [value for row in results for value in row["ms"].values() if value]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    left, width, bar = 200, 620, 9
    group = bar * len(names) + 8
    height = 60 + group * len(results)

    def x(ms):
        return left + width * (math.log10(ms) - low) / max(high - low, 1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 80}" height="{height}" '
             'font-family="sans-serif" font-size="11">', f'<text x="8" y="18" font-size="14">{title}</text>']
    for i, name in enumerate(names):
        parts.append(f'<rect x="{left + i * 110}" y="28" width="10" height="10" fill="{COLORS[name]}"/>'
                     f'<text x="{left + 14 + i * 110}" y="37">{name}</text>')
    for power in range(low, high + 1):
        parts.append(f'<line x1="{x(10 ** power)}" x2="{x(10 ** power)}" y1="46" y2="{height}" stroke="#ddd"/>'
                     f'<text x="{x(10 ** power) + 2}" y="54" fill="#888">{10 ** power:g} ms</text>')
    for i, row in enumerate(results):
        top = 58 + i * group
        parts.append(f'<text x="8" y="{top + group / 2}">{row["query"]}</text>')
        for k, name in enumerate(names):
            if row["ms"].get(name):
                parts.append(f'<rect x="{left}" y="{top + k * bar}" width="{max(x(row["ms"][name]) - left, 1):.1f}" '
                             f'height="{bar - 1}" fill="{COLORS[name]}"/>')
    return "\n".join(parts + ["</svg>"]) + "\n"


def heading(machine):
    return (f"Made by `{machine['command']}` at commit {machine['commit']} on {machine['cpu']}, "
            f"{machine['cores']} cores, {machine['memory_gb']} GB, {machine['server']}, {machine['duckdb']}, "
            f"{machine['datafusion']}, in {sum(machine['seconds'].values()) / 60:.0f} minutes. Medians of "
            f"{machine['runs']} interleaved warm runs; {machine['workers']} workers and the leader; DuckDB on its own "
            "storage and DataFusion on Parquet with as many threads as there are cores for seats.")


def write(folder, machine, workloads, topics, judged):
    """`workloads`: {key: {"name", "names", "results", "named"}}; `topics`: {key: (module, data)}.
    A page over all, JSON of each, a plot of each workload; `notes.md`, written by hand, is put in."""
    folder.mkdir(parents=True, exist_ok=True)
    page = ["# Benchmarks", "", heading(machine), "", "## Targets", "", *targets.table(judged), ""]
    notes = folder / "notes.md"
    if notes.exists():
        page += [notes.read_text().strip(), ""]
    for key, workload in workloads.items():
        results, names = workload["results"], workload["names"]
        (folder / f"{key}.json").write_text(json.dumps({"machine": machine, **workload}, indent=1) + "\n")
        (folder / f"{key}.svg").write_text(svg(results + workload["named"], names, workload["name"]))
        page += [f"## {workload['name']}", "", *summary(results), "",
                 *table(results + workload["named"], names), "", f"![{workload['name']}]({key}.svg)", ""]
    for key, (module, data) in topics.items():
        (folder / f"{key}.json").write_text(json.dumps({"machine": machine, key: data}, indent=1) + "\n")
        page += [f"## {module.TITLE}", "", *module.section(data, machine), ""]
        if hasattr(module, "plot"):
            (folder / f"{key}.svg").write_text(module.plot(data))
            page += [f"![{module.TITLE}]({key}.svg)", ""]
    (folder / "README.md").write_text("\n".join(page))
