"""Time over 0 to 8 workers: PostgreSQL and Sluice, each query in turn at every number of workers."""

import statistics

import tpch
from rivals import OFF, Postgres, timed
from tpch import say

TITLE = "Scaling"
WORKERS = (0, 1, 2, 4, 8)
QUERIES = ("q03", "q06", "count of lineitem join orders")


def measure(directory, workload, runs):
    """[{"query", "workers", "PostgreSQL": ms, "Sluice": ms}], medians of interleaved runs."""
    texts = {**workload.queries(), **workload.named()}
    engines = {(name, workers): Postgres(name, directory, workload,
                                         max_parallel_workers_per_gather=workers, **settings)
               for workers in WORKERS
               for name, settings in (("PostgreSQL", OFF), ("Sluice", {"sluice.workers": workers}))}
    points = []
    for query in QUERIES:
        times = {key: [] for key in engines}
        answers = {repr(engine.rows(texts[query])) for engine in engines.values()}
        if len(answers) != 1:
            tpch.fail(f"{query} has {len(answers)} different answers over {WORKERS} workers")
        for _ in range(runs):
            for key, engine in engines.items():
                times[key].append(timed(engine, texts[query])[1])
        for workers in WORKERS:
            point = {"query": query, "workers": workers}
            point.update({name: statistics.median(times[name, workers])
                          for name in ("PostgreSQL", "Sluice")})
            points.append(point)
            say(f"{query:<32}{workers:>2} workers{point['PostgreSQL']:>10.1f}{point['Sluice']:>10.1f}")
    for engine in engines.values():
        engine.close()
    return points


def section(points, machine):
    lines = [f"Milliseconds with 0 to {WORKERS[-1]} workers allowed beside the leader, on {machine['cores']} "
             "cores: beyond the cores a plan can at best stay as fast. `PG` is PostgreSQL's own plan, which "
             "may take fewer workers than it is allowed.", "",
             "| query | | " + " | ".join(map(str, WORKERS)) + " |",
             "|---|---" + "|---:" * len(WORKERS) + "|"]
    for query in QUERIES:
        for name, label in (("PostgreSQL", "PG"), ("Sluice", "Sluice")):
            cells = [f"{point[name]:.0f}" for point in points if point["query"] == query]
            lines.append(f"| {query} | {label} | " + " | ".join(cells) + " |")
    return lines


def plot(points):
    """Time over workers, a line a query and engine, on a scale from zero."""
    left, top, width, height = 60, 30, 480, 260
    highest = max(max(point["PostgreSQL"], point["Sluice"]) for point in points)

    def place(workers, ms):
        return f"{left + width * workers / WORKERS[-1]:.1f},{top + height * (1 - ms / highest):.1f}"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 300}" height="{top + height + 40}" '
             'font-family="sans-serif" font-size="11">',
             '<text x="8" y="18" font-size="14">ms by workers; dashed: PostgreSQL, solid: Sluice</text>',
             f'<path d="M{left},{top}v{height}h{width}" fill="none" stroke="#888"/>',
             f'<text x="8" y="{top + 8}">{highest:.0f}</text><text x="8" y="{top + height}">0</text>']
    parts += [f'<text x="{left + width * workers / WORKERS[-1] - 3}" y="{top + height + 16}">{workers}</text>'
              for workers in WORKERS]
    for query, color in zip(QUERIES, ("#1a73e8", "#e8710a", "#188038")):
        own = [point for point in points if point["query"] == query]
        for name, dash in (("PostgreSQL", "5 4"), ("Sluice", "none")):
            line = " ".join(place(point["workers"], point[name]) for point in own)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2" '
                         f'stroke-dasharray="{dash}"/>')
        y = top + 14 + 18 * QUERIES.index(query)
        parts.append(f'<text x="{left + width + 16}" y="{y}" fill="{color}">{query}</text>')
    return "\n".join(parts + ["</svg>"]) + "\n"
