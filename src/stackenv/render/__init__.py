"""Descriptions into text: the Lua of a modulefile, and the shell files that it leans on."""

from stackenv.render.module import render_installed_file, render_module

__all__ = ["render_installed_file", "render_module"]
