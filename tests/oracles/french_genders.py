#!/usr/bin/env python3
"""Writes tests/fixtures/french_genders.tsv: the genders that the dictionary of Debian's hunspell-fr-classical 1:7.0-1 (Dicollecte,
MPL-2.0) gives for the nouns of templates/nouns.fr.yaml: m, f, or mf for both. Nouns it has no gender for are left out.

    apt-get download hunspell-fr-classical && dpkg -x hunspell-fr-classical_*.deb deb
    python3 -m pip install pyyaml
    python3 tests/oracles/french_genders.py deb/usr/share/hunspell/fr.dic
"""

import collections
import pathlib
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main() -> None:
    genders = collections.defaultdict(set)
    for line in open(sys.argv[1], encoding="utf-8"):
        word, _, rest = line.partition("/")
        if "po:nom" not in rest:
            continue
        tags = rest.split()
        if "is:mas" in tags or "is:epi" in tags:
            genders[word].add("m")
        if "is:fem" in tags or "is:epi" in tags:
            genders[word].add("f")
        # Nouns with a feminine of their own (flags F…): the word itself is masculine.
        if rest.startswith("F") and not any(t.startswith("is:") for t in tags):
            genders[word].add("m")
    nouns = yaml.safe_load(open(ROOT / "templates/nouns.fr.yaml", encoding="utf-8"))
    rows = []
    for noun in nouns["masculine"] + nouns["feminine"]:
        if found := genders.get(noun):
            rows.append(f"{noun}\t{''.join(sorted(found, reverse=True))}\n")
    (ROOT / "tests/fixtures/french_genders.tsv").write_text("".join(sorted(rows)), encoding="utf-8")


main()
