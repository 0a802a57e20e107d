"""Compile everything that activation.py imports for this Python, and record the present state of conda.

Run when an installation is completed, by its own Python, as

    python -IB compile_activation.py FOLDER OUTPUT

FOLDER holds activation.py and its modules. Two files are written into the folder OUTPUT: `compiled`, whose
first line names the Python and has a checksum of the rest, which is for marshal; and `reason`, which says why
conda will be asked each time, or is empty. Unlike a .pyc, `compiled` records neither the time nor the hash of
the sources: a copy of an installation has other times, the sources change only together with this file, and
the installation may be read-only by the time the file is out of date. Output of a .pth file or of conda goes
into neither file.

It does not matter whether plugins of conda are installed: the known versions load none to answer an
activation. Each question here checks that, with everything that is installed. A package that is installed
later changes the folder of packages, and then conda is asked until this program has run again.
"""

import json
import marshal
import os
import sys
import sysconfig
import tempfile

sys.path.append(os.path.dirname(os.path.abspath(__file__)))
import activation_questions

# The exit status of a fork in which conda has loaded plugins.
LOADED = 71
# Each module comes before those that import it.
MODULES = (
    "stackenv_dialect",
    "stackenv_hide_modules",
    "stackenv_pip_guard",
    "stackenv_put_aside",
    "stackenv_condarc",
    "stackenv_native_activation",
    "stackenv_activation_code",
)
# Other characters in a path have a meaning in a list of paths, or to conda.
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


class DoubtfulError(Exception):
    """Why conda must be asked each time."""


def compile_modules(folder):
    """Return the names and the code of MODULES, in order."""
    modules = []
    for name in MODULES:
        path = os.path.join(folder, name + ".py")
        with open(path, "rb") as stream:
            modules.append((name, compile(stream.read(), path, "exec", dont_inherit=True, optimize=2)))
    return tuple(modules)


def describe_conda(root):
    """Return what is known about the conda at `root`: see `is_as_built` in native_activation.py.

    Raises
    ------
    DoubtfulError
        If its answers are not certain.
    """
    import conda
    from stackenv_native_activation import NEWEST, OLDEST, is_known, look_at

    packages = sysconfig.get_path("purelib")
    if os.path.dirname(os.path.dirname(os.path.abspath(conda.__file__))) != packages:
        raise DoubtfulError("it is not in the site-packages of its Python: " + conda.__file__)
    version = conda.__version__
    if not is_known(version):
        raise DoubtfulError(
            "native activation supports conda %s to %s, but this is %s" % (OLDEST, NEWEST, version)
        )
    # Import it before forking, so that each fork already has it.
    import conda.activate
    import conda.cli.main

    check_answers(root, version)
    relative = os.path.relpath(packages, root)
    return version, relative, look_at(root, relative)


def check_answers(root, version):
    """Compare the answers given without conda with those of this very conda, at its present path.

    Raises
    ------
    DoubtfulError
        If they differ, or if a configuration file on this host is too complex for condarc.py.
    """
    place = tempfile.gettempdir()
    place = place if SAFE.issuperset(place) else "/tmp"
    with tempfile.TemporaryDirectory(prefix="stackenv-activation-", dir=place) as folder:
        for number, session in enumerate(activation_questions.SESSIONS):
            home = os.path.join(os.path.realpath(folder), str(number))
            environ = activation_questions.begin(session, home, root)
            dialect = session.get("dialect", "sh")
            for command in session["commands"]:
                words = command.replace("{}", home).split()
                answer = compare(words, environ, root, dialect, version, not number)
                if answer is None:
                    break
                carry_out(answer, environ)


def compare(words, environ, root, dialect, version, must_answer):
    """Return conda's answer to `words`, or None if it fails, which it may do unless `must_answer`.

    Raises
    ------
    DoubtfulError
        If it differs from the answer given without conda. Giving none without conda is not a difference.
    """
    from stackenv_condarc import UncertainError
    from stackenv_native_activation import Activation

    condas, said = ask_conda(words, environ, dialect)
    asked = "`conda %s`" % " ".join(words)
    if condas is None and must_answer:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        # conda's report of an exception is long; the line that names the exception is near its end.
        named = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception"))]
        raise DoubtfulError("%s fails here: %s" % (asked, (named or lines or ["without a message"])[-1]))
    try:
        ours, own_words = Activation(environ, root, dialect, version).find(words[0], words[1:])
    except UncertainError as error:
        if must_answer:
            raise DoubtfulError("only conda can read its configuration here: %s" % error) from None
        return condas
    if dialect != "sh" and condas:
        # Ignore the prompt of csh, which activation_code.py sets itself.
        condas["vars"]["set"] = ours["vars"]["set"]
    if ours != condas or said != "".join(word + "\n" for word in own_words):
        raise DoubtfulError("its answer to %s differs from the expected one" % asked)
    return condas


def carry_out(answer, environ):
    """Change `environ` as a shell would that runs `answer`."""
    for name in answer["vars"]["unset"]:
        environ.pop(name, None)
    environ.update((name, str(value)) for name, value in answer["vars"]["export"].items())
    environ.update(answer["vars"]["set"])
    if "PATH" in answer["path"]:
        environ["PATH"] = ":".join(answer["path"]["PATH"])


def ask_conda(words, environ, dialect):
    """Return conda's own answer to `words`, or None if it fails, and its messages; conda runs in a fork.

    Raises
    ------
    DoubtfulError
        If it has loaded its plugins, which could change any answer.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        child = os.fork()
        if not child:
            answer_as_conda(words, environ, dialect, (out, error))
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        error.seek(0)
        text, said = out.read().decode(), error.read().decode(errors="replace")
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == LOADED:
        raise DoubtfulError("it loads plugins when it activates an environment")
    return (None if status else json.loads(text)), said


def answer_as_conda(words, environ, dialect, files):
    """Answer as the program conda does, and end this process, which serves only this question."""
    status = 1
    try:
        for file, number in zip(files, (1, 2)):
            os.dup2(file.fileno(), number)
        os.environ.clear()
        # conda itself sets CONDA_ROOT to this when it is imported.
        os.environ.update(environ, CONDA_ROOT=sys.prefix)
        from conda.cli.main import main
        from stackenv_native_activation import CONDA_SHELL

        sys.argv = ["conda", "shell." + CONDA_SHELL[dialect] + "+json"] + words
        status = main()
        manager = sys.modules.get("conda.plugins.manager")
        # To report a failure, conda loads all plugins.
        if not status and manager and manager.get_plugin_manager.cache_info().currsize:
            status = LOADED
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status if isinstance(status, int) else 1)


def main():
    folder, output = os.path.abspath(sys.argv[1]), sys.argv[2]
    sys.path.insert(0, folder)
    reason = ""
    try:
        built = describe_conda(os.path.dirname(os.path.dirname(folder)))
    except Exception as error:
        # A conda that cannot be imported may raise anything; it reports the error itself when it is asked.
        known = isinstance(error, DoubtfulError)
        reason = str(error) if known else "%s: %s" % (type(error).__name__, error)
        # The file is for this Python, but names no version of conda, so conda is always asked.
        built = ("", "", ())
    content = marshal.dumps((built, compile_modules(folder)))
    from activation import describe

    with open(os.path.join(output, "compiled"), "wb") as stream:
        stream.write(describe(content) + b"\n" + content)
    with open(os.path.join(output, "reason"), "w", encoding="utf-8", errors="replace") as stream:
        stream.write(reason)


if __name__ == "__main__":
    main()
