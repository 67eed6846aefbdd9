"""Arrays by file of the data, kept on disk under a signature of what they were computed by."""

import os

import numpy as np

FileArrays = dict[str, np.ndarray]


def read_arrays(path: str, signature: str) -> FileArrays:
    """Nothing where the file is absent or holds what was computed otherwise."""
    if not os.path.exists(path):
        return {}
    with np.load(path) as stored:
        if "signature" not in stored or str(stored["signature"]) != signature:
            return {}
        return dict(zip(stored["files"].tolist(), stored["arrays"]))


def write_arrays(path: str, signature: str, arrays: FileArrays) -> None:
    """All of the same shape. Whoever is stopped leaves the file of before."""
    partial = path + ".partial.npz"
    np.savez(partial, signature=signature, files=np.array(list(arrays)), arrays=np.stack(list(arrays.values())))
    os.replace(partial, path)
