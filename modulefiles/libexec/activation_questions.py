"""The questions with which compile_activation.py checks that conda answers as expected.

Not every version in the supported range was tested, and a distribution may have changed its conda: only what
is asked here is certain for the installed one. There is a question for each fact about conda that
native_activation.py and condarc.py rely on and that could differ between versions.
"""

import json
import os

UNSET = "***unset***"
# Commands that run one after the other, each in the state that the previous one left.
EACH_WAY = ("activate one", "activate two", "reactivate", "deactivate", "deactivate")
STACKED = ("activate one", "activate --stack two", "deactivate", "deactivate")
ONCE = ("activate one", "reactivate", "deactivate")
# {} stands for the home folder.
SESSIONS = (
    # The first answer must be certain, whatever the configuration of this machine and this installation is.
    {
        "commands": (
            "activate one",
            "activate two",
            "reactivate",
            "activate --stack three",
            "reactivate",
            "deactivate",
            "deactivate",
            "activate one",
            "deactivate",
            "deactivate",
            "reactivate",
            "activate {}/envs/two",
            "deactivate",
            "activate",
            "activate one",
            "deactivate",
            "deactivate",
        )
    },
    {"commands": ("activate base", "activate --stack one", "activate root", "deactivate", "deactivate")},
    {"commands": STACKED, "condarc": "env_prompt: '[{stacked_env}] '\n"},
    {"commands": STACKED, "condarc": "env_prompt: '[{name} {prefix} {default_env}] '\n"},
    {"commands": STACKED, "condarc": "changeps1: no\n"},
    {"commands": EACH_WAY, "condarc": "auto_stack: 1\n"},
    {"commands": EACH_WAY, "environ": {"CONDA_AUTO_STACK": "2"}},
    {"commands": ("activate one", "activate --no-stack two"), "condarc": "auto_stack: 1\n"},
    {"commands": ONCE, "environ": {"CONDA_CHANGEPS1": "false"}, "condarc": "changeps1: true\n"},
    {"commands": ONCE, "environ": {"CONDA_ENV_PROMPT": "<{name}> ", "PS1": "it's "}},
    {
        "commands": ("activate one",),
        "files": {".condarc": "changeps1: true\n", ".conda/condarc": "changeps1: no\n"},
    },
    {
        "commands": ("activate one",),
        "files": {".conda/condarc.d/a.yml": "changeps1: no\n", ".config/conda/.condarc": "changeps1: yes\n"},
    },
    {"commands": ("activate one",), "files": {".config/conda/condarc.d/a.yaml": "changeps1: no\n"}},
    {
        "commands": ("activate one",),
        "files": {"xdg/conda/condarc": "changeps1: no\n"},
        "environ": {"XDG_CONFIG_HOME": "{}/xdg"},
    },
    {
        "commands": ("activate one",),
        "files": {"my.yml": "changeps1: no\n"},
        "environ": {"CONDARC": "{}/my.yml"},
    },
    {
        "commands": ("activate one",),
        "files": {"my.yml": "changeps1: no\n"},
        "environ": {"CONDARC": "~/my.yml"},
    },
    {"commands": EACH_WAY, "files": {"envs/one/.condarc": "changeps1: no\n"}},
    # The folders of environments, and which comes first.
    {"commands": ("activate four", "deactivate"), "environ": {"CONDA_ENVS_PATH": None}},
    {"commands": ("activate one",), "files": {".conda/envs/one/conda-meta/history": ""}},
    {
        "commands": ("activate one",),
        "files": {"work/one/conda-meta/history": ""},
        "condarc": "envs_dirs:\n  - ~/work\n",
    },
    {
        "commands": ("activate one",),
        "files": {"work/one/conda-meta/history": "", ".conda/envs/one/conda-meta/history": ""},
        "condarc": "envs_dirs: [~/nowhere, $HOME/work]\n",
        "environ": {"CONDA_ENVS_PATH": None},
    },
    {
        "commands": ("activate one",),
        "files": {"work/one/conda-meta/history": "", ".conda/condarc": "envs_dirs:\n- ~/work\n"},
        "condarc": "envs_dirs:\n- ~/envs\n",
        "environ": {"CONDA_ENVS_PATH": None},
    },
    {
        "commands": ("activate one", "activate {}/work/one"),
        "files": {"work/one/conda-meta/history": ""},
        "environ": {"CONDA_ENVS_PATH": None, "CONDA_ENVS_DIRS": "$HOME/work:~/envs"},
    },
    # An environment's own variables.
    {"commands": EACH_WAY, "state": {"of_one": "1", "Mixed": "2"}},
    {"commands": EACH_WAY, "state": {"of_one": "1"}, "environ": {"of_one": "mine"}},
    {"commands": EACH_WAY, "state": {"of_one": "1"}, "environ": {"OF_ONE": "mine"}},
    {"commands": EACH_WAY, "state": {"OF_ONE": "1"}, "environ": {"OF_ONE": "mine"}},
    {"commands": ONCE, "state": {"OF_ONE": "1"}, "environ": {"OF_ONE": "1"}},
    {"commands": ONCE, "state": {"OF_ONE": "1"}, "environ": {"OF_ONE": ""}},
    {"commands": EACH_WAY, "state": {"OF_ONE": UNSET, "TOO": "1"}},
    {"commands": ONCE, "state": {"OF_ONE": UNSET, "TOO": "1"}},
    {"commands": EACH_WAY, "state": {"STACKENV_TWO": "1"}},
    {"commands": STACKED, "state": {"OF_ONE": 'it\'s "$x" \\ /a//b'}},
    {
        "commands": ONCE,
        "state": {"OF_ONE": "1"},
        "files": {"envs/one/etc/conda/env_vars.d/a.json": '{"OF_ONE": "2"}'},
    },
    # Variables that a shell may have lost, and PATH.
    {"commands": ("activate one", "deactivate"), "environ": {"PATH": "/usr/bin::/opt//x/:."}},
    {"commands": ("activate one", "activate two"), "environ": {"CONDA_SHLVL": "0"}},
    # The other dialects use other scripts.
    {"commands": ("activate one",), "files": {"envs/one/etc/conda/activate.d/c.fish": ""}},
    {"commands": ("activate one", "activate --stack two", "reactivate", "deactivate"), "dialect": "csh"},
    {"commands": ("activate one", "activate two", "reactivate", "deactivate"), "dialect": "fish"},
)


def begin(session, home, root):
    """Create the home of a session in the folder `home`; return the environment variables at its start."""
    write_home(home, session.get("dialect", "sh"))
    files = dict(session.get("files", {}))
    if "condarc" in session:
        files[".condarc"] = session["condarc"]
    if "state" in session:
        files["envs/one/conda-meta/state"] = json.dumps({"env_vars": session["state"]})
    for name, text in files.items():
        write(os.path.join(home, name), text)
    environ = {
        "HOME": home,
        "PATH": root + "/condabin:/usr/bin:/bin",
        "CONDA_ENVS_PATH": home + "/envs",
        "PS1": "$ ",
    }
    for name, value in session.get("environ", {}).items():
        if value is None:
            del environ[name]
        else:
            environ[name] = value.replace("{}", home)
    return environ


def write_home(home, dialect):
    """Write environments, with scripts for `dialect`, and a configuration into the folder `home`."""
    for name in ("envs/one", "envs/two", "envs/three", ".conda/envs/four"):
        write(os.path.join(home, name, "conda-meta/history"), "")
    for name in ("one", "two"):
        for when in ("activate.d", "deactivate.d"):
            for script in ("a", "b"):
                write(os.path.join(home, "envs", name, "etc/conda", when, script + "." + dialect), "")
    write(os.path.join(home, "envs/one/conda-meta/state"), '{"env_vars": {"STACKENV_ONE": "1"}}')
    write(os.path.join(home, "envs/two/etc/conda/env_vars.d/own.json"), '{"STACKENV_TWO": "2"}')
    write(os.path.join(home, ".condarc"), "channels:\n  - conda-forge\nenv_prompt: '[{name}] '\n")


def write(path, text):
    """Write the file `path`, and create its parent folders."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        stream.write(text)
