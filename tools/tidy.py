#!/usr/bin/env python3
"""Checks the house rules that no compiler knows: sizes, names, includes, rooms.

    tools/tidy.py              checks every source; one line a finding, exit 1 if there is one
    tools/tidy.py --headers    compiles each header outside src/pg alone (CXX, default g++), but for those
                               with a source of their own, which includes them first
    tools/tidy.py --self-test  shows that every rule finds a bad sample and leaves a good one alone
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
FORBIDDEN_NAMES = re.compile(r"(^|_)(util|utils|helper|helpers|common|misc)($|_)")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")

# What each room may include (ARCHITECTURE.md, "The map"). The rooms of src/pg follow their CMake targets.
ROOMS = {
    "base": set(),
    "vector": {"base"},
    "plan": {"base"},
    "codec": {"plan", "base"},
    "exchange": {"base"},
    "engine": {"exchange", "vector", "plan", "base"},
}
PG_INCLUDE = "pg/border/pg_include.h"
# Rooms below src/pg that know nothing of the server.
PG_WITHOUT_SERVER = {"pg/source/decode"}
# Headers in angle brackets with a dot in their name that are not PostgreSQL's.
SYSTEM_HEADERS = re.compile(
    r"^(gtest|gmock|benchmark|relacy|sys|linux|sanitizer)/|"
    r"^(errno|fcntl|poll|pthread|sched|semaphore|signal|time|unistd|[a-z]*intrin|cpuid|xxhash)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
# Comments, raw strings, strings and characters (but not the ' between digits).
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]*)\(.*?\)(?P=d)"|"(?:[^"\\\n]|\\.)*"|'
    r"(?<![0-9A-Za-z_])'(?:[^'\\\n]|\\.)*'", re.S)
NO_FUNCTION = re.compile(r"^\s*(?:template\b.*>\s*)?(?:namespace|struct|class|union|enum|extern)\b|"
                         r"(?<!operator)(?<![=!<>])=(?!=)[^()]*$")


class Repository:
    """The sources below a root. Paths are relative and have forward slashes."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.paths = sorted(self._list())
        self.pg_rooms = self._read_pg_rooms()

    def _list(self):
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=self.root,
            capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return [path for path in set(listed.stdout.split("\n"))
                    if path and (self.root / path).is_file()]
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*")
                if path.is_file()]

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def exists(self, path):
        return (self.root / path).is_file()

    def _read_pg_rooms(self):
        """Folder below src -> rooms that its CMake target links, in any number of steps."""
        folders, links = {}, {}
        for path in self.paths:
            if not re.fullmatch(r"src/pg/.+/CMakeLists\.txt", path):
                continue
            call = re.search(r"sluice_(pg_)?room\((\w+)([^)]*)\)", self.text(path))
            if call is None:
                continue
            target = ("pg_" if call[1] else "") + call[2]
            deps = re.search(r"\bDEPS((?:\s+[a-z_]+)*)", call[3])
            folders[target] = path[len("src/"):-len("/CMakeLists.txt")]
            links[target] = deps[1].split() if deps else []
        def reached(target, seen):
            for dep in links.get(target, ROOMS.get(target, ())):
                if dep not in seen:
                    seen.add(dep)
                    reached(dep, seen)
            return seen
        rooms = {folder: {folders.get(dep, dep) for dep in reached(target, set())}
                 for target, folder in folders.items()}
        rooms["pg"] = {*ROOMS, *rooms}  # the module puts all of them together
        return rooms


def is_cxx(path):
    return path.endswith((".h", ".cc"))


def room_of(path):
    """`plan` for src/plan/x.h, `pg/leader` for src/pg/leader/x.h; empty outside src."""
    folder = os.path.dirname(path)
    return folder[len("src/"):] if folder.startswith("src/") else ""


def blanked(match):
    return re.sub(r"[^\n]", " ", match[0])


def code_of(text):
    """The text with comments, literals and preprocessor lines blanked, line by line as before."""
    text = NOT_CODE.sub(blanked, text)
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", blanked, text, flags=re.M)


def functions_of(text):
    """Yields (first line, number of lines, head) of every function that is not inside another."""
    code = code_of(text)
    scopes = []  # of open braces: (kind, begin of its head)
    head_begin = 0
    for at in (match.start() for match in re.finditer(r"[{};]", code)):
        in_function = any(kind != "scope" for kind, _ in scopes)
        if code[at] == "{":
            head = code[head_begin:at]
            is_function = "(" in head and not NO_FUNCTION.search(head)
            is_scope = re.match(r"\s*(?:template\b.*>\s*)?(?:namespace|struct|class|union|extern|"
                                r"(?:public|private|protected):)", head, re.S)
            kind = "block"
            if not in_function:
                kind = "function" if is_function else "scope" if is_scope else "block"
            scopes.append((kind, head_begin))
            head_begin = at + 1
        elif code[at] == "}" and scopes:
            kind, begin = scopes.pop()
            follows = code[at + 1:].lstrip()[:1]
            if kind == "function" and follows not in (",", "{", ")"):
                begin += len(code[begin:at]) - len(code[begin:at].lstrip())
                first = code.count("\n", 0, begin) + 1
                last = code.count("\n", 0, at) + 1
                yield first, last - first + 1, " ".join(code[begin:at].split("{")[0].split())
            # A braced member initializer: the head of the constructor goes on.
            head_begin = begin if kind == "function" and follows in (",", "{", ")") else at + 1
        elif code[at] == ";":
            head_begin = at + 1


def includes_of(text):
    """Yields (line, quote, header)."""
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def check_size(repository, path):
    if not is_cxx(path):
        return
    lines = repository.text(path).rstrip("\n").split("\n")
    bound = HEADER_LINES_MAX if path.endswith(".h") else SOURCE_LINES_MAX
    if len(lines) > bound:
        yield bound + 1, f"{len(lines)} lines, at most {bound}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not INCLUDE.match(line) and not in_raw_string(lines, number):
            yield number, f"{len(line)} columns, at most {COLUMNS_MAX}"


def in_raw_string(lines, number):
    text = "\n".join(lines)
    begin = sum(len(line) + 1 for line in lines[:number - 1])
    return any(match[0].startswith('R"') and match.start() < begin + len(lines[number - 1])
               and match.end() > begin
               for match in NOT_CODE.finditer(text))


def check_function(repository, path):
    if not is_cxx(path):
        return
    for first, lines, head in functions_of(repository.text(path)):
        if lines > FUNCTION_LINES_MAX:
            yield first, f"{lines} lines, at most {FUNCTION_LINES_MAX}: {head[:60]}"


def check_name(_repository, path):
    for part in pathlib.PurePosixPath(path).parts:
        if FORBIDDEN_NAMES.search(part.split(".")[0].lower()):
            yield 1, f"'{part}' says nothing: name the concept"


def check_header(repository, path):
    if not path.endswith(".h"):
        return
    text = repository.text(path)
    if not re.search(r"^#pragma once$", text, re.M):
        yield 1, "a header begins with #pragma once"
    for number, line in enumerate(code_of(text).split("\n"), 1):
        if re.search(r"\busing\s+namespace\b", line):
            yield number, "no `using namespace` in a header"


def check_ownership(repository, path):
    if not is_cxx(path):
        return
    for number, line in enumerate(code_of(repository.text(path)).split("\n"), 1):
        if re.search(r"\bshared_ptr\b", line):
            yield number, "values, unique_ptr or borrowed references; no shared_ptr"


def check_unfinished(repository, path):
    if not (is_cxx(path) or path.endswith((".py", ".sh", ".sql", ".cmake", "CMakeLists.txt"))):
        return
    for number, line in enumerate(repository.text(path).split("\n"), 1):
        match = UNFINISHED.search(line)
        if match:
            yield number, f"'{match[0]}': do it, or write it down elsewhere"


def check_own_header(repository, path):
    if not path.endswith(".cc") or not path.startswith("src/"):
        return
    own = path[len("src/"):-len(".cc")] + ".h"
    if not repository.exists("src/" + own):
        return
    headers = [(number, header) for number, _, header in includes_of(repository.text(path))
               if not (path.startswith("src/pg/") and header == PG_INCLUDE)]
    if not headers or headers[0][1] != own:
        yield headers[0][0] if headers else 1, f'"{own}" comes first'


def check_include(repository, path):
    room = room_of(path)
    if not is_cxx(path) or not room:
        return
    in_pg = room.startswith("pg")
    allowed = repository.pg_rooms.get(room, set()) if in_pg else ROOMS.get(room, set())
    for number, quote, header in includes_of(repository.text(path)):
        if quote == '"' and header != "postgres.h":
            other = os.path.dirname(header)
            if other != room and other not in allowed:
                yield number, f"{room} may not include {header}"


def check_server(repository, path):
    room = room_of(path)
    if not is_cxx(path):
        return
    knows_server = room.startswith("pg") and room not in PG_WITHOUT_SERVER
    for number, _, header in includes_of(repository.text(path)):
        if header == "postgres.h" and path != "src/" + PG_INCLUDE:
            yield number, f"postgres.h comes in by {PG_INCLUDE}"
        elif header == PG_INCLUDE and not knows_server:
            yield number, "this room builds without PostgreSQL"
    if knows_server:
        return
    for number, quote, header in includes_of(repository.text(path)):
        if quote == "<" and "." in header and not SYSTEM_HEADERS.search(header):
            yield number, f"<{header}>: no server's header outside src/pg"


def check_room(repository, path):
    """Reported at the room's first file."""
    folder = os.path.dirname(path)
    if not is_cxx(path) or not folder.startswith("src/"):
        return
    if path != next(p for p in repository.paths if is_cxx(p) and os.path.dirname(p) == folder):
        return
    for name in ("README.md", "CMakeLists.txt"):
        if not repository.exists(f"{folder}/{name}"):
            yield 1, f"room {folder} has no {name}"
    if not room_of(path).startswith("pg") and room_of(path) not in ROOMS:
        yield 1, f"{folder} is no room of ARCHITECTURE.md"


RULES = {
    "size": check_size,
    "function": check_function,
    "name": check_name,
    "header": check_header,
    "ownership": check_ownership,
    "unfinished": check_unfinished,
    "own-header": check_own_header,
    "include": check_include,
    "server": check_server,
    "room": check_room,
}


def findings_of(repository):
    return [(path, line, rule, text) for path in repository.paths
            for rule, check in RULES.items() for line, text in check(repository, path)]


def check_repository():
    repository = Repository(ROOT)
    findings = findings_of(repository)
    for path, line, rule, text in findings:
        print(f"{path}:{line}: {rule}: {text}")
    print(f"{len(findings)} findings in {len(repository.paths)} files")
    return 1 if findings else 0


def check_headers():
    repository = Repository(ROOT)
    headers = [path for path in repository.paths
               if path.endswith(".h") and path.startswith("src/") and not path.startswith("src/pg/")
               and not repository.exists(path.removesuffix(".h") + ".cc")]

    def compile_alone(header):
        return subprocess.run(
            [os.environ.get("CXX", "g++"), "-std=gnu++20", "-fsyntax-only", "-Wall", "-Wextra",
             "-Werror", f"-I{ROOT / 'src'}", "-include", ROOT / header, "-x", "c++", os.devnull],
            capture_output=True, text=True, check=False)

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, result in zip(headers, pool.map(compile_alone, headers)):
            if result.returncode != 0:
                failed += 1
                lines = result.stderr.strip().split("\n")
                error = next((line for line in lines if "error" in line), lines[0])
                print(f"{header}:1: self-contained: {error}")
    print(f"{failed} of {len(headers)} headers do not compile alone")
    return 1 if failed else 0


# --- self-test -----------------------------------------------------------------------------------

LONG_FUNCTION = "int f(int a) {\n" + "  a += 1;\n" * 70 + "}\n"
ROOM_FILES = {
    "src/plan/README.md": "plan\n",
    "src/plan/CMakeLists.txt": "sluice_room(plan DEPS base)\n",
}
LEADER_FILES = {
    "src/pg/leader/README.md": "leader\n",
    "src/pg/leader/CMakeLists.txt": "sluice_pg_room(leader DEPS pg_port engine)\n",
    "src/pg/port/CMakeLists.txt": "sluice_pg_room(port DEPS pg_border base)\n",
    "src/pg/border/CMakeLists.txt": "sluice_pg_room(border DEPS base)\n",
}
DECODE_FILES = {
    "src/pg/source/decode/README.md": "decode\n",
    "src/pg/source/decode/CMakeLists.txt": "sluice_room(pg_decode DEPS vector base)\n",
}

# (rule, the file it is found in, its text)
BAD_SAMPLES = [
    ("size", "src/plan/a.h", "#pragma once\n" + "int x;\n" * HEADER_LINES_MAX),
    ("size", "src/plan/a.cc", "int x;\n" * (SOURCE_LINES_MAX + 1)),
    ("size", "src/plan/a.cc", "int " + "x" * COLUMNS_MAX + ";\n"),
    ("size", "src/plan/a.h", "#pragma once\n// " + "x" * COLUMNS_MAX + "\n"),
    ("function", "src/plan/a.cc", LONG_FUNCTION),
    ("function", "src/plan/a.h", "#pragma once\nclass A {\n public:\n  A() : a_{1}, b_{2} {\n"
     + "    a_ += 1;\n" * 70 + "  }\n};\n"),
    ("function", "src/plan/a.cc", "namespace {\nstruct B {\n" + LONG_FUNCTION + "};\n}\n"),
    ("name", "src/plan/string_utils.h", "#pragma once\n"),
    ("name", "src/plan/helpers/a.cc", "int x;\n"),
    ("name", "test/common.py", "x = 1\n"),
    ("header", "src/plan/a.h", "int x;\n"),
    ("header", "src/plan/a.h", "#pragma once\nusing namespace std;\n"),
    ("ownership", "src/plan/a.h", "#pragma once\nstd::shared_ptr<int> x;\n"),
    ("unfinished", "src/plan/a.cc", "// TO" + "DO: later\n"),
    ("unfinished", "tools/a.py", "# FIX" + "ME\n"),
    ("own-header", "src/plan/print.cc", '#include <string>\n#include "plan/print.h"\n'),
    ("own-header", "src/pg/leader/print.cc",
     '#include "pg/border/pg_include.h"\n#include <string>\n#include "pg/leader/print.h"\n'),
    ("include", "src/plan/a.cc", '#include "vector/batch.h"\n'),
    ("include", "src/base/a.cc", '#include "plan/expr.h"\n'),
    ("include", "src/plan/a.cc", '#include "expr.h"\n'),
    ("include", "src/pg/leader/a.cc", '#include "pg/planner/cost.h"\n'),
    ("server", "src/plan/a.cc", '#include "postgres.h"\n'),
    ("server", "src/pg/leader/a.cc", '#include <postgres.h>\n'),
    ("server", "src/engine/a.cc", "#include <nodes/pg_list.h>\n"),
    ("server", "src/pg/source/decode/a.cc", "#include <access/htup.h>\n"),
    ("server", "src/pg/source/decode/a.cc", '#include "pg/border/pg_include.h"\n'),
    ("room", "src/exchange/a.cc", "int x;\n"),
    ("room", "src/cellar/a.cc", "int x;\n"),
]

GOOD_SAMPLES = [
    ("src/plan/a.h", "#pragma once\n" + "int x;\n" * (HEADER_LINES_MAX - 1)),
    ("src/plan/a.cc", LONG_FUNCTION.replace("  a += 1;\n", "", 2)),
    ("src/plan/a.cc", "const int kList[] = {\n" + "  f(1),\n" * 90 + "};\n"),
    ("src/plan/a.cc", 'const char* text = R"(\n' + "{ x" * 90 + '\n)";\n'),
    ("src/pg/module.cc", '#include "pg/leader/print.h"\n'),
    ("src/plan/a.cc", "class A {\n" + "  void f() { g(); }\n" * 90 + "};\n"),
    ("src/plan/print.cc", '// Prints.\n#include "plan/print.h"\n\n#include <string>\n'),
    ("src/plan/a.cc", "#include <sys/mman.h>\n#include <vector>\n\n#include \"base/ids.h\"\n"),
    ("src/plan/a.cc", "// not using namespace, no shared_ptr: XXXXXX\nconst char c = '{';\n"),
    ("src/pg/leader/print.cc",
     '#include "pg/border/pg_include.h"\n\n#include "pg/leader/print.h"\n#include <nodes/nodes.h>\n'
     '#include "engine/source.h"\n#include "plan/print.h"\n#include "pg/border/call.h"\n'),
    ("src/pg/border/pg_include.h", '#pragma once\n#include "postgres.h"\n'),
]


def sample_findings(path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        files = {**ROOM_FILES, **LEADER_FILES, **DECODE_FILES, "src/plan/print.h": "#pragma once\n",
                 "src/pg/leader/print.h": "#pragma once\n", "src/pg/border/README.md": "border\n",
                 "src/pg/README.md": "pg\n", "src/pg/CMakeLists.txt": "",
                 path: text}
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        return [(found, rule) for found, _, rule, _ in findings_of(Repository(root))]


def self_test():
    failures = 0
    for rule, path, text in BAD_SAMPLES:
        if (path, rule) not in sample_findings(path, text):
            failures += 1
            print(f"self-test: {rule} does not find {text[:60]!r} in {path}")
    for path, text in GOOD_SAMPLES:
        for found, rule in sample_findings(path, text):
            failures += 1
            print(f"self-test: {rule} finds fault in {found}: {text[:60]!r}")
    for rule in RULES.keys() - {sample[0] for sample in BAD_SAMPLES}:
        failures += 1
        print(f"self-test: {rule} has no bad sample")
    print(f"self-test: {failures} failures in {len(BAD_SAMPLES) + len(GOOD_SAMPLES)} samples")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headers", action="store_true", help="compile each header alone")
    parser.add_argument("--self-test", action="store_true", help="test the rules themselves")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    return check_headers() if arguments.headers else check_repository()


if __name__ == "__main__":
    sys.exit(main())
