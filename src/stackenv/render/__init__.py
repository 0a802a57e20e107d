"""Descriptions into text: the Lua of a modulefile, and the shell files that it leans on."""

from stackenv.render.module import is_as_written, render_installed_file, render_module

__all__ = ["is_as_written", "render_installed_file", "render_module"]
