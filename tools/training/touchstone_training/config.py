"""The one configuration file, for CPU and GPU alike."""

import json


def read_config(path: str, section: str) -> dict:
    """`common`, then what the section extends, then its own values: the later ones win."""
    with open(path) as file:
        sections = json.load(file)

    def values(name: str) -> dict:
        own = sections[name]
        return {**(values(own["extends"]) if "extends" in own else {}), **own}

    return {**sections["common"], **values(section)}
