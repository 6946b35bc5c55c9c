"""The dependencies of a build, from `cargo metadata`: their licence texts in one file, and an SBOM in CycloneDX's JSON form (1.5).

  cargo metadata --format-version 1 | python packaging/dependencies.py /dev/stdin --licences FILE --sbom FILE
"""

import argparse
import json
import pathlib


def used(metadata: dict) -> list[dict]:
    """The packages that the binary is linked with: those reached from the root over normal dependencies."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root, found, waiting = metadata["resolve"]["root"], set(), [metadata["resolve"]["root"]]
    while waiting:
        node = nodes[waiting.pop()]
        for dependency in node["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if normal and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return sorted((packages[name] for name in found - {root}), key=lambda package: (package["name"], package["version"]))


def licence_texts(package: dict) -> list[str]:
    folder = pathlib.Path(package["manifest_path"]).parent
    names = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(names))
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def licences(packages: list[dict]) -> str:
    """Each text once, under the packages that carry it."""
    by_text: dict[str, list[str]] = {}
    lines = ["tunesmith is linked with these packages:", ""]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        lines.append(f"{name}: {package['license'] or 'see its licence file'} ({package['repository'] or 'no repository named'})")
        for text in licence_texts(package):
            by_text.setdefault(text, []).append(name)
    for text, names in by_text.items():
        lines += ["", "-" * 100, ", ".join(names), "", text]
    return "\n".join(lines) + "\n"


def sbom(metadata: dict, packages: list[dict]) -> dict:
    root = next(package for package in metadata["packages"] if package["id"] == metadata["resolve"]["root"])

    def component(package: dict, kind: str) -> dict:
        name, version = package["name"], package["version"]
        found = {"type": kind, "bom-ref": f"{name}@{version}", "name": name, "version": version, "purl": f"pkg:cargo/{name}@{version}"}
        if package["license"]:
            found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        return found

    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    listed = {package["id"]: f"{package['name']}@{package['version']}" for package in [root, *packages]}
    depends = [{"ref": ref, "dependsOn": sorted(listed[d["pkg"]] for d in nodes[name]["deps"] if d["pkg"] in listed)} for name, ref in listed.items()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(root, "application")},
        "components": [component(package, "library") for package in packages],
        "dependencies": depends,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metadata", type=pathlib.Path)
    parser.add_argument("--licences", type=pathlib.Path, required=True)
    parser.add_argument("--sbom", type=pathlib.Path, required=True)
    args = parser.parse_args()
    metadata = json.loads(args.metadata.read_text(encoding="utf-8"))
    packages = used(metadata)
    args.licences.write_text(licences(packages), encoding="utf-8")
    args.sbom.write_text(json.dumps(sbom(metadata, packages), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
