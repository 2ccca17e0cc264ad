"""Checks that each transition of a model names the code which implements it, and that it is there.

A reference is `src/room/file.cc:Class::function` in a comment. Every inline and every proctype has
one in the comment right above it or in its body, unless that comment says `Environment:` (what is
not ours: the processor, the server, the user) or `Model:` (bookkeeping of the model itself).
"""

import re

REFERENCE = re.compile(r"(src/[\w/]+\.(?:cc|h)):([A-Za-z_~][\w~]*(?:::[\w~]+)*)")
TRANSITION = re.compile(r"^(?:active )?(?:inline|proctype|init)\b\s*(\w*)")


def names(code, symbol):
    """Whether `code` defines or declares `symbol`."""
    if re.search(re.escape(symbol) + r"\b", code) and "::" in symbol:
        return True
    parts = symbol.split("::")
    return all(re.search(r"(?<!\w)" + re.escape(part) + r"\b", code) for part in parts) and \
        re.search(re.escape(parts[-1]) + r"\s*[({;]", code) is not None


def check_text(name, text, root):
    findings = []
    for path, symbol in REFERENCE.findall(text):
        file = root / path
        if not file.is_file():
            findings.append(f"{name}: {path} is gone (it had {symbol})")
        elif not names(file.read_text(), symbol):
            findings.append(f"{name}: {path} has no {symbol}")
    lines = text.splitlines()
    for i, line in enumerate(lines):
        transition = TRANSITION.match(line)
        if transition is None:
            continue
        above = i
        while above > 0 and lines[above - 1].startswith("//"):
            above -= 1
        end = next((j for j in range(i, len(lines)) if lines[j].endswith("}") and
                    not lines[j].startswith(" ")), i)
        comment = "\n".join(lines[above:i])
        if not REFERENCE.search("\n".join(lines[above:end])) and \
                not re.search(r"\b(Environment|Model):", comment):
            findings.append(f"{name}:{i + 1}: {transition.group(1)} names no code")
    return findings


def check(models, root):
    findings = []
    for model in sorted(models.glob("*.pml")):
        text = model.read_text()
        findings += check_text(model.name, text, root)
    return findings


def self_test(root):
    """What the checker overlooks; empty when it finds all that it should."""
    bad = {
        "a file": "// src/exchange/no_such_file.cc:Doorbell::ring\ninline x() {\n}\n",
        "a member": "// src/exchange/doorbell.cc:Doorbell::chime\ninline x() {\n}\n",
        "a missing reference": "// Rings.\ninline x() {\n}\n",
    }
    overlooked = [what for what, text in bad.items() if not check_text("sample", text, root)]
    good = "// src/exchange/doorbell.cc:Doorbell::ring\ninline x() {\n}\n"
    return ", ".join(overlooked) + (" (a good one is refused)" if check_text("sample", good, root)
                                    else "")
