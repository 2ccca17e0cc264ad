"""What a test can see of the server from outside: its log, its processes, and what they wait for."""

import os
import pathlib
import re
import signal
import threading
import time

import tpch

# What PostgreSQL logs when something was not given back, and what no test may provoke.
COMPLAINTS = re.compile(r"\bleak|leaked|not closed|still referenced|still active|TRAP|PANIC|"
                        r"terminated by signal|AddressSanitizer|runtime error:|segment .* not found|"
                        r"problem in alloc set|unexpected message|you don't own a lock")
HANG_S = 90


class ServerLog:
    """The part of the server's log that was written since mark()."""

    def __init__(self, directory):
        self.path = pathlib.Path(tpch.socket_directory(directory)) / "server.log"
        self.mark()

    def mark(self):
        self.offset = self.path.stat().st_size

    def text(self):
        with open(self.path, errors="replace") as file:
            file.seek(self.offset)
            return file.read()

    def complaints(self, but=None):
        return [line for line in self.text().splitlines()
                if COMPLAINTS.search(line) and not (but and re.search(but, line))]


def wait_until(condition, what="a condition", seconds=60, meanwhile=None):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        if meanwhile is not None:
            meanwhile()
        time.sleep(0.005)


def postmaster(directory):
    path = pathlib.Path(tpch.socket_directory(directory)) / "data/postmaster.pid"
    return int(path.read_text().split()[0])


def state_of(pid):
    """(state letter, parent) of a process; None when there is none."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return fields[0], int(fields[1])


def children(directory):
    """{pid: state letter} of the server's processes."""
    parent = postmaster(directory)
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            state = state_of(entry)
            if state is not None and state[1] == parent:
                found[int(entry)] = state[0]
    return found


def continue_stopped(directory):
    """Sends SIGCONT to every stopped process of the server; returns how many there were."""
    stopped = [pid for pid, state in children(directory).items() if state in "Tt"]
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    return len(stopped)


def describe(directory):
    """What every process of the server does; for the report of a hang."""
    lines = []
    for pid, state in children(directory).items():
        try:
            title = pathlib.Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
            lines.append(f"{pid} {state} {pathlib.Path(f'/proc/{pid}/wchan').read_text()} {title}")
        except OSError:
            pass
    try:
        with tpch.connect(directory, "postgres").cursor() as cursor:
            cursor.execute("select pid, backend_type, state, wait_event_type, wait_event, query "
                           "from pg_stat_activity where datname is not null")
            lines += map(repr, cursor.fetchall())
    except Exception as error:  # the report must not hide the hang
        lines.append(repr(error))
    return "\n".join(lines)


def run_watched(directory, work, meanwhile=None):
    """Runs `work` in a thread, and `meanwhile` again and again beside it; a hang fails with a report."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    deadline = time.monotonic() + HANG_S
    while thread.is_alive():
        if meanwhile is None:
            thread.join(max(0.0, deadline - time.monotonic()))
        else:
            meanwhile()
            thread.join(0.005)
        if time.monotonic() >= deadline and thread.is_alive():
            raise AssertionError("hangs:\n" + describe(directory))
    assert results, "the work raised"
    return results[0]


def workers_running(directory):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where backend_type = 'parallel worker'")
        return cursor.fetchone()[0]
