"""What conda, mamba and micromamba write into start-up files: by conda's own code, or as samples."""

from __future__ import annotations

import subprocess
from pathlib import Path

# For each start-up file, conda's own function that writes into it, and its argument for the shell.
WRITERS = {
    ".bashrc": ("init_sh_user", "bash"),
    ".bash_profile": ("init_sh_user", "bash"),
    ".zshrc": ("init_sh_user", "zsh"),
    ".tcshrc": ("init_sh_user", "tcsh"),
    ".config/fish/config.fish": ("init_fish_user", False),
    ".xonshrc": ("init_xonsh_user", False),
}


# Blocks of conda 4.5 and 4.6, by the installers; of mamba 1 (in conda's block) and 2, and of micromamba.
OLD = """\
# >>> conda init >>>
# !! Contents within this block are managed by 'conda init' !!
__conda_setup="$(CONDA_REPORT_ERRORS=false '/opt/anaconda3/bin/conda' shell.bash hook 2> /dev/null)"

if [ $? -eq 0 ]; then
    \\eval "$__conda_setup"
else
    if [ -f "/opt/anaconda3/etc/profile.d/conda.sh" ]; then
# . "/opt/anaconda3/etc/profile.d/conda.sh"  # commented out by conda initialize
        CONDA_CHANGEPS1=false conda activate base
    else
        \\export PATH="/opt/anaconda3/bin:$PATH"
    fi
fi
unset __conda_setup
# <<< conda init <<<
"""


MAMBA_1 = """\
# >>> conda initialize >>>
# !! Contents within this block are managed by 'conda init' !!
__conda_setup="$('/opt/mambaforge/bin/conda' 'shell.bash' 'hook' 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__conda_setup"
else
    if [ -f "/opt/mambaforge/etc/profile.d/conda.sh" ]; then
        . "/opt/mambaforge/etc/profile.d/conda.sh"
    else
        export PATH="/opt/mambaforge/bin:$PATH"
    fi
fi
unset __conda_setup

if [ -f "/opt/mambaforge/etc/profile.d/mamba.sh" ]; then
    . "/opt/mambaforge/etc/profile.d/mamba.sh"
fi
# <<< conda initialize <<<
"""


MAMBA_2 = """\
# >>> mamba initialize >>>
# !! Contents within this block are managed by 'mamba shell init' !!
export MAMBA_EXE='/opt/miniforge3/bin/mamba';
export MAMBA_ROOT_PREFIX='/opt/miniforge3';
__mamba_setup="$("$MAMBA_EXE" shell hook --shell bash --root-prefix "$MAMBA_ROOT_PREFIX" 2> /dev/null)"
if [ $? -eq 0 ]; then
    eval "$__mamba_setup"
else
    alias mamba="$MAMBA_EXE"  # Fallback on help from mamba activate
fi
unset __mamba_setup
# <<< mamba initialize <<<
"""


MICROMAMBA = MAMBA_2.replace(
    """    alias mamba="$MAMBA_EXE"  # Fallback on help from mamba activate
""",
    """    if [ -f "/opt/micromamba/etc/profile.d/micromamba.sh" ]; then
        . "/opt/micromamba/etc/profile.d/micromamba.sh"
    else
        export  PATH="/opt/micromamba/bin:$PATH"  # extra space after export prevents interference
    fi
""",
)


MICROMAMBA_FISH = """\
# >>> mamba initialize >>>
# !! Contents within this block are managed by 'mamba init' !!
set -gx MAMBA_EXE "/opt/bin/micromamba"
set -gx MAMBA_ROOT_PREFIX "/opt/micromamba"
$MAMBA_EXE shell hook --shell fish --root-prefix $MAMBA_ROOT_PREFIX | source
# <<< mamba initialize <<<
"""


# For each start-up file, the line of `conda init --condabin`, conda 25.5 and later (conda/core/initialize.py:
# functions whose names end in _content_to_add_condabin_to_path); the tests have no such conda.
CONDABIN = {
    ".bashrc": 'export PATH="/opt/my conda/condabin:$PATH"',
    ".zshrc": 'export PATH="/opt/miniforge3/condabin:$PATH"',
    ".tcshrc": (
        'if ( -d "/opt/miniforge3/condabin" ) then\n    setenv PATH "/opt/miniforge3/condabin:$PATH"\nendif'
    ),
    ".config/fish/config.fish": 'set -x PATH "/opt/miniforge3/condabin" $PATH',
    ".xonshrc": '$PATH.insert(0, "/opt/miniforge3/condabin")',
}
BLOCK = """
# >>> conda initialize >>>
# !! Contents within this block are managed by 'conda init' !!
{}
# <<< conda initialize <<<

"""


OWN = b"# mine\nalias ll='ls -l'\nexport NAME=\xc3\xa9\n"


# In an old encoding, which conda cannot read; it then writes nothing.
LATIN = OWN.replace(b"\xc3\xa9", b"\xe9\xff")


def plant(conda: Path, path: Path) -> None:
    """Have conda write its block into `path`."""
    name = str(path.relative_to(next(p for p in path.parents if p.name == "home")))
    function, last = WRITERS.get(name, WRITERS[".bashrc"])
    script = (
        f"import conda.core.initialize as i; print(i.{function}({str(path)!r}, {str(conda)!r}, {last!r}))"
    )
    done = subprocess.run(
        [conda / "bin/python", "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "modified\n"
