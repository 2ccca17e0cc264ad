"""The microbenchmarks (`*_bench.cc`), each beside its physical yardstick.

A benchmark reports `ratio`, its time over that of its yardstick measured in the same process, and names the
yardstick in its label.
"""

import argparse
import json
import pathlib
import subprocess
import sys

TITLE = "Microbenchmarks"


def programs(build):
    found = sorted(path for path in (build / "bench").glob("*_bench") if path.is_file())
    if not found:
        sys.exit(f"error: no benchmarks in {build / 'bench'}: build the target microbenchmarks")
    return found


def measure(build, repetitions=3, min_seconds=0.1):
    """[{"program", "name", "ns", "items_per_second", "ratio", "yardstick"}], medians."""
    rows = []
    for program in programs(build):
        print(f"  {program.name}", flush=True)
        done = subprocess.run([program, "--benchmark_format=json", f"--benchmark_repetitions={repetitions}",
                               f"--benchmark_min_time={min_seconds}", "--benchmark_report_aggregates_only=true"],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"error: {program.name} ended with {done.returncode}: {done.stderr.strip()}")
        for entry in json.loads(done.stdout)["benchmarks"]:
            if entry.get("error_occurred"):
                sys.exit(f"error: {entry['name']}: {entry['error_message']}")
            if entry["aggregate_name"] == "median":
                assert entry["time_unit"] == "ns"
                clock = "real_time" if entry["run_name"].endswith("/real_time") else "cpu_time"
                rows.append({"program": program.name.removesuffix("_bench"), "name": entry["run_name"],
                             "ns": entry[clock], "items_per_second": entry.get("items_per_second"),
                             "bytes_per_second": entry.get("bytes_per_second"),
                             "ratio": entry.get("ratio"), "yardstick": entry.get("label", "")})
    return rows


def short(number):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def duration(nanoseconds):
    for size, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def section(rows, _machine):
    lines = ["Medians of processor time (`real_time`: of the wall clock's). The ratio is the time over the yardstick's, both "
             "of one process; 1 would be as fast as the machine allows.", "",
             "| of | benchmark | time | items/s | bytes/s | ratio | yardstick |", "|---|---|---:|---:|---:|---:|---|"]
    for row in rows:
        rates = [short(row[rate]) if row[rate] else "" for rate in ("items_per_second", "bytes_per_second")]
        ratio = f"{row['ratio']:.2f}" if row["ratio"] else ""
        lines.append(f"| {row['program']} | {row['name']} | {duration(row['ns'])} | {rates[0]} | {rates[1]} | {ratio} | "
                     f"{row['yardstick']} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build directory")
    rows = measure(parser.parse_args().build)
    for row in rows:
        ratio = f"{row['ratio']:10.2f} x {row['yardstick']}" if row["ratio"] else ""
        print(f"{row['program']:<18}{row['name']:<44}{duration(row['ns']):>10}{ratio}")


if __name__ == "__main__":
    main()
