"""The one configuration file, for CPU and GPU alike."""

import json
import os


def read_config(path: str, section: str) -> dict:
    """`common`, then what the section extends, then its own values: the later ones win.

    `start` is `imagenet` or a bundle's graph, relative to the configuration.
    """
    with open(path) as file:
        sections = json.load(file)

    def values(name: str) -> dict:
        own = sections[name]
        return {**(values(own["extends"]) if "extends" in own else {}), **own}

    config = {**sections["common"], **values(section)}
    if config.get("start", "imagenet") != "imagenet":
        config["start"] = os.path.join(os.path.dirname(os.path.abspath(path)), config["start"])
    return config
