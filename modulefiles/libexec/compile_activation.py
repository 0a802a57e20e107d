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
import subprocess
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
    from stackenv_native_activation import VERSIONS, look_at

    packages = sysconfig.get_path("purelib")
    if os.path.dirname(os.path.dirname(os.path.abspath(conda.__file__))) != packages:
        raise DoubtfulError("it is not where its Python keeps packages: " + conda.__file__)
    if conda.__version__ not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise DoubtfulError("its answers are known of %s, and this is %s" % (known, conda.__version__))
    check_answers(root)
    relative = os.path.relpath(packages, root)
    return conda.__version__, relative, look_at(root, relative)


def check_answers(root):
    """Compare what is answered without conda with what this very conda answers, where it is now.

    Raises
    ------
    DoubtfulError
        When they differ, or when a file of the configuration here is beyond us.
    """
    from stackenv_native_activation import answer

    with tempfile.TemporaryDirectory(prefix="stackenv-activation-") as home:
        environ = {"HOME": home, "PATH": root + "/condabin:/usr/bin:/bin"}
        active = {
            "PATH": root + "/bin:" + environ["PATH"],
            "CONDA_PREFIX": root,
            "CONDA_SHLVL": "1",
            "CONDA_DEFAULT_ENV": "base",
            "CONDA_PROMPT_MODIFIER": "(base) ",
        }
        for command, more in (("activate", {}), ("deactivate", active)):
            variables = dict(environ, **more)
            ours = answer(command, [], variables, root)
            if ours is None:
                raise DoubtfulError("a configuration file of conda here is more than plain keys and values")
            if ours != ask_conda(root, command, variables):
                raise DoubtfulError("it answers `conda %s` in another way than known" % command)


def ask_conda(root, command, environ):
    """Return what conda itself answers to `command`; None when it fails."""
    words = [sys.executable, "-IB", root + "/bin/conda", "shell.posix+json", command]
    done = subprocess.run(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return json.loads(done.stdout.decode()) if done.returncode == 0 else None


def main():
    folder = os.path.abspath(sys.argv[1])
    sys.path.insert(0, folder)
    try:
        built = describe_conda(os.path.dirname(os.path.dirname(folder)))
    except (DoubtfulError, ImportError, ValueError, OSError) as error:
        sys.stderr.write(str(error))
        # Known to be this Python's, and no version that is answered.
        built = ("", "", ())
    version = "%s %x\n" % (sys.implementation.cache_tag, sys.hexversion)
    content = marshal.dumps((built, compile_modules(folder)))
    sys.stdout.buffer.write(version.encode() + content)


if __name__ == "__main__":
    main()
