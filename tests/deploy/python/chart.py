"""Renders the chart with sets of values, offline, and says everything that is wrong with them.

chart.py CHART VALUES...   prints the objects of each set as JSON, by the file's name
"""

import json
import pathlib
import shutil
import sys
import tempfile

import helm_python
import kubernetes_validate
import yaml

# The newest version whose schemas are at hand, and the oldest that the chart admits.
VERSIONS = ("1.37", "1.27")
RELEASE, NAMESPACE = "care", "support"
# Kinds that an operator brings into a cluster; their schemas are not Kubernetes's own.
OPERATORS = "monitoring.coreos.com/"


class Strict(yaml.SafeLoader):
    """Refuses what YAML lets pass: a key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"{', '.join(sorted(twice))} twice, {node.start_mark}")
        return super().construct_mapping(node, deep)


def faults(thing):
    """What Kubernetes would refuse of an object."""
    if thing["apiVersion"].startswith(OPERATORS):
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            yield f"Kubernetes {version}: {path}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def render(folder, file):
    """The objects of one set of values, and what is wrong."""
    values = yaml.load(file.read_text(), Strict)
    wrong = []
    report = helm_python.lint(folder, values, strict=True, namespace=NAMESPACE)
    # The chart has no icon.
    said = [line["error"] for line in report["messages"] if line["severity"] > 1]
    wrong += said + [error for error in report["errors"] if error not in said]
    with helm_python.Chart.load(folder) as chart:
        chart.validate_schema(values)
        manifests = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    notes = [text for path, text in manifests.items() if path.endswith("NOTES.txt")]
    objects = []
    for path, text in sorted(manifests.items()):
        if not path.endswith(".yaml"):
            continue
        for thing in filter(None, yaml.load_all(text, Strict)):
            objects.append(thing)
            name = f"{path}: {thing['kind']} {thing['metadata']['name']}"
            wrong += [f"{name}: {fault}" for fault in faults(thing)]
    return {"objects": objects, "notes": "".join(notes)}, wrong


def main(folder, *files):
    sets = {}
    with tempfile.TemporaryDirectory() as whole:
        # With alerts and dashboard in place of the links to them, as a package has them.
        folder = shutil.copytree(folder, pathlib.Path(whole) / "aftercare")
        failed = render_all(folder, map(pathlib.Path, files), sets)
    if failed:
        sys.exit(1)
    print(json.dumps(sets))


def render_all(folder, files, sets):
    """Puts each set among `sets`, and tells what is wrong, and whether anything is."""
    failed = False
    for file in files:
        try:
            sets[file.name], wrong = render(folder, file)
        except (helm_python.HelmError, yaml.YAMLError) as error:
            wrong = [str(error)]
        for fault in wrong:
            print(f"{file}: {fault}", file=sys.stderr)
            failed = True
    return failed


main(*sys.argv[1:])
