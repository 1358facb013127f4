"""Which module of a project imports which, by Python's own parser: what the map is compared with.

Prints {"imports": {module: [module, ...]}, "refused": [path, ...]}. The arguments are the folder, and the names of folders to
leave out.
"""

import ast
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
root, leave_out = sys.argv[1], set(sys.argv[2:])
paths, trees, refused = {}, {}, []

for folder, folders, files in os.walk(root):
    folders[:] = [name for name in folders if name not in leave_out]
    for file in files:
        if not file.endswith(".py"):
            continue
        path = os.path.relpath(os.path.join(folder, file), root)
        name = path[:-3].replace(os.sep, ".")
        is_package = file == "__init__.py"
        if is_package:
            name = name.rpartition(".")[0]
        paths[name] = is_package
        with open(os.path.join(root, path), "rb") as source:
            try:
                trees[name] = ast.parse(source.read())
            except (SyntaxError, ValueError, RecursionError):
                trees[name] = ast.parse("")
                refused.append(path)


def existing(name):
    """The module itself, else the innermost package that it would have to be in."""
    if name in paths:
        return {name}
    while "." in name:
        name = name.rpartition(".")[0]
        if name in paths:
            return {name} if paths[name] else set()
    return set()


def imported(module):
    for node in ast.walk(trees[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from existing(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                home = module.split(".")
                up = node.level - (1 if paths[module] else 0)
                if up > len(home):
                    continue
                base = ".".join([*home[: len(home) - up], *filter(None, [base])])
            for alias in node.names:
                name = ".".join(filter(None, [base, alias.name]))
                yield from {name} if name in paths else existing(base)


edges = {module: sorted(set(imported(module)) - {module}) for module in sorted(paths)}
json.dump({"imports": edges, "refused": sorted(refused)}, sys.stdout)
