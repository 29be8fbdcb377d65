"""Gives the help of each command as paragraphs: lines end where the terminal does, not the source."""

import inspect

import typer


def unwrap_help(app: typer.Typer) -> None:
    """Take the line breaks of the source out of the help of all commands and groups."""
    for command in app.registered_commands:
        text = command.help or getattr(command.callback, "__doc__", None) or ""
        command.help = paragraphs(text)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            unwrap_help(group.typer_instance)


def paragraphs(docstring: str) -> str:
    """Return a docstring with one line for each of its paragraphs."""
    parts = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in parts)
