"""Reads the compose file as Compose does and prints it as JSON.

compose.py COMPOSE ENV   variables come from the file ENV; what is empty there is made up
"""

import json
import pathlib
import re
import sys

import yaml
from compose_spec.compose_spec import PyCompose

VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[?-])([^}]*)\}")
# Fits a password, and the root key, which is of hexadecimal digits.
MADE_UP = "0123456789abcdef" * 4


def main(compose, env):
    lines = pathlib.Path(env).read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    used = {}

    def put(found):
        name, how, _ = found.groups()
        used[name] = {"required": how == ":?", "example": pairs.get(name)}
        return pairs.get(name) or MADE_UP

    text = VARIABLE.sub(put, pathlib.Path(compose).read_text())
    left = re.findall(r"(?<!\$)\$[A-Za-z{]\S*", text)
    if left:
        sys.exit(f"{compose}: cannot be read: {', '.join(left)}")
    tree = yaml.safe_load(text)
    try:
        PyCompose.from_json(json.dumps(tree)).validate()
    except ValueError as error:
        sys.exit(f"{compose}: {error}")
    print(json.dumps({"compose": tree, "variables": used, "example": pairs}))


main(*sys.argv[1:])
