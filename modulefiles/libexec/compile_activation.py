"""Print, as bytes, all that activation.py imports, compiled for this Python, and what conda is now.

Run when an installation is completed, by its own Python, as

    python -IB compile_activation.py FOLDER

FOLDER holds activation.py and the modules. The first line says for which Python this is; the rest is for
marshal. There is no time and no hash of the sources in it, as in a .pyc: a copy of an installation has
other times, the sources change only with this, and nobody may be able to write later what is out of date.
Why conda will be asked each time is said on stderr.
"""

import json
import marshal
import os
import sys
import sysconfig
import tempfile

# Each before those that import it.
MODULES = (
    "stackenv_dialect",
    "stackenv_hide_modules",
    "stackenv_pip_guard",
    "stackenv_put_aside",
    "stackenv_condarc",
    "stackenv_native_activation",
    "stackenv_activation_code",
)
# One after the other: each begins where the one before has led to.
COMMANDS = (
    ("activate", "one"),
    ("activate", "two"),
    ("reactivate",),
    ("activate", "--stack", "three"),
    ("deactivate",),
    ("deactivate",),
    ("activate", "one"),
    ("deactivate",),
    ("activate", "~/envs/two"),
    ("deactivate",),
    ("activate",),
    ("deactivate",),
)


class DoubtfulError(Exception):
    """Why conda is to be asked each time."""


def compile_modules(folder):
    """Return the names and the code of MODULES, in their order."""
    modules = []
    for name in MODULES:
        path = os.path.join(folder, name + ".py")
        with open(path, "rb") as stream:
            modules.append((name, compile(stream.read(), path, "exec", dont_inherit=True, optimize=2)))
    return tuple(modules)


def describe_conda(root):
    """Return what is known of the conda at `root`: see `is_as_built` in native_activation.py.

    Raises
    ------
    DoubtfulError
        When it is not certain what it answers.
    """
    import conda
    from stackenv_native_activation import NEWEST, OLDEST, is_known, look_at

    packages = sysconfig.get_path("purelib")
    if os.path.dirname(os.path.dirname(os.path.abspath(conda.__file__))) != packages:
        raise DoubtfulError("it is not where its Python keeps packages: " + conda.__file__)
    version = conda.__version__
    if not is_known(version):
        raise DoubtfulError("its answers are known from %s to %s, and this is %s" % (OLDEST, NEWEST, version))
    check_answers(root, version)
    relative = os.path.relpath(packages, root)
    return version, relative, look_at(root, relative)


def check_answers(root, version):
    """Compare what is answered without conda with what this very conda answers, where it is now.

    Raises
    ------
    DoubtfulError
        When they differ, or when a file of the configuration here is beyond us.
    """
    from stackenv_native_activation import find_answer

    with tempfile.TemporaryDirectory(prefix="stackenv-activation-") as home:
        write_home(home)
        environ = {
            "HOME": home,
            "PATH": root + "/condabin:/usr/bin:/bin",
            "CONDA_ENVS_PATH": home + "/envs",
            "PS1": "$ ",
        }
        for words in COMMANDS:
            command, arguments = words[0], [word.replace("~", home) for word in words[1:]]
            found = find_answer(command, arguments, environ, root, "sh", version)
            if found is None:
                raise DoubtfulError("a configuration file of conda here is more than plain keys and values")
            if found[0] != ask_conda([command] + arguments, environ):
                raise DoubtfulError("it answers `conda %s` in another way than known" % " ".join(words))
            carry_out(found[0], environ)


def write_home(home):
    """Write environments and a configuration into the folder `home`."""
    for name in ("one", "two", "three"):
        for folder in (
            "conda-meta",
            "etc/conda/env_vars.d",
            "etc/conda/activate.d",
            "etc/conda/deactivate.d",
        ):
            os.makedirs(os.path.join(home, "envs", name, folder))
        for when in ("activate", "deactivate"):
            write(os.path.join(home, "envs", name, "etc/conda", when + ".d/own.sh"), "")
    write(os.path.join(home, "envs/one/conda-meta/state"), '{"env_vars": {"STACKENV_ONE": "1"}}')
    write(os.path.join(home, "envs/two/etc/conda/env_vars.d/own.json"), '{"STACKENV_TWO": "2"}')
    write(os.path.join(home, ".condarc"), "channels:\n  - conda-forge\nenv_prompt: '[{name}] '\n")


def write(path, text):
    """Write the file `path`."""
    with open(path, "w") as stream:
        stream.write(text)


def carry_out(answer, environ):
    """Change `environ` as a shell would that has been told `answer`."""
    for name in answer["vars"]["unset"]:
        environ.pop(name, None)
    environ.update((name, str(value)) for name, value in answer["vars"]["export"].items())
    environ.update(answer["vars"]["set"])
    environ["PATH"] = ":".join(answer["path"]["PATH"])


def ask_conda(words, environ):
    """Return what conda itself answers to `words`, None when it fails; in a process that forks for it."""
    from conda.cli.main import main

    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(writing, 1)
            os.close(reading)
            os.environ.clear()
            # As conda itself sets it when it is imported.
            os.environ.update(environ, CONDA_ROOT=sys.prefix)
            sys.argv = ["conda", "shell.posix+json"] + words
            status = main()
            sys.stdout.flush()
        finally:
            os._exit(status if isinstance(status, int) else 1)
    os.close(writing)
    with open(reading, "rb") as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    return None if status else json.loads(text.decode())


def main():
    folder = os.path.abspath(sys.argv[1])
    sys.path.insert(0, folder)
    try:
        built = describe_conda(os.path.dirname(os.path.dirname(folder)))
    except Exception as error:
        # A conda that cannot be imported raises anything; it will say so itself when it is asked.
        known = isinstance(error, DoubtfulError)
        sys.stderr.write(str(error) if known else "%s: %s" % (type(error).__name__, error))
        # Known to be this Python's, and no version that is answered.
        built = ("", "", ())
    version = "%s %x\n" % (sys.implementation.cache_tag, sys.hexversion)
    content = marshal.dumps((built, compile_modules(folder)))
    sys.stdout.buffer.write(version.encode() + content)


if __name__ == "__main__":
    main()
