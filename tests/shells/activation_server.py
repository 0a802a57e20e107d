"""A process that has imported conda, or stackenv's replacement for it, and forks for each question.

    ROOT/bin/python -I activation_server.py conda
    ROOT/bin/python -I -S activation_server.py FILE VERSION

A question is a line of JSON on standard input: `arguments`, `environ`, `folder` and `dialect` (sh, csh or
fish); the answer is a line with `status`, `stdout` and `stderr`. conda is asked as by `conda shell.posix+json
ARGUMENTS`. FILE is a module with the function `find_answer(command, arguments, environ, root, dialect,
version)`, which gets VERSION as the version of conda: the mapping that it returns is printed as JSON, its
messages on standard error.
"""

import importlib.util
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

CONDA_SHELL = {"sh": "posix", "csh": "csh", "fish": "fish"}
ROOT = str(Path(sys.executable).parents[1])


def import_conda():
    """Return a function that answers as the program `conda` does."""
    # Import what conda's first call would import, so that each fork has it already.
    from conda.cli.main import main

    def ask(arguments, environ, dialect):
        # conda/__init__.py sets it, whatever value the caller has.
        os.environ["CONDA_ROOT"] = sys.prefix
        sys.argv = ["conda", "shell." + CONDA_SHELL[dialect] + "+json", *arguments]
        return main()

    return ask


def import_ours(file, version):
    """Return a function that answers as `file` does, which may import only what Python without site has."""
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location("native_activation", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def ask(arguments, environ, dialect):
        found = module.find_answer(arguments[0], arguments[1:], environ, ROOT, dialect, version)
        answer, words = found or (None, [])
        print(json.dumps(answer))
        sys.stderr.write("".join(word + "\n" for word in words))
        if "conda" in sys.modules:
            raise AssertionError("it has imported conda")
        return 0

    return ask


def run_apart(ask, question, files):
    """Answer a question in this process, which was forked for it, and end the process."""
    status = 70
    try:
        os.chdir(question["folder"])
        os.environ.clear()
        os.environ.update(question["environ"])
        for file, descriptor in zip(files, (1, 2)):
            os.dup2(file.fileno(), descriptor)
        status = ask(question["arguments"], dict(question["environ"]), question["dialect"]) or 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def read_back(file):
    """Return what was written, with bytes that are not UTF-8 as surrogates."""
    file.seek(0)
    return file.read().decode(errors="surrogateescape")


def main():
    ask = import_conda() if sys.argv[1] == "conda" else import_ours(*sys.argv[1:])
    print("ready", flush=True)
    for line in sys.stdin:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
            child = os.fork()
            if not child:
                run_apart(ask, json.loads(line), (out, error))
            status = os.WEXITSTATUS(os.waitpid(child, 0)[1])
            print(
                json.dumps({"status": status, "stdout": read_back(out), "stderr": read_back(error)}),
                flush=True,
            )


# conda's probe of virtual packages starts this file again (multiprocessing, spawn).
if __name__ == "__main__":
    main()
