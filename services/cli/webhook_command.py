"""Shows and mends the webhook subscription by hand: `pagerport webhook list|create|check|delete`."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.json_option import AS_JSON
from shared.visible import visible

if TYPE_CHECKING:
    from services.fetcher.subscription.found import Found

URL = typer.Option(
    "--url",
    help="Public address of the gateway; without a path, the gateway's is added. Default: OCEAN__BASE_URL.",
)
SCOPE = typer.Option("--scope", help="account, service/<id> or team/<id>. Default: OCEAN__WEBHOOK__SCOPE.")
FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    webhook = typer.Typer(
        help="The subscription by which PagerDuty sends what changes.", no_args_is_help=True
    )
    webhook.command("list")(list_webhooks)
    webhook.command("create")(create_webhook)
    webhook.command("check")(check_webhook)
    webhook.command("delete")(delete_webhook)
    app.add_typer(webhook, name="webhook")


def list_webhooks(*, as_json: Annotated[bool, AS_JSON] = False) -> None:
    """List all webhook subscriptions of the account; those of this installation are marked."""
    from services.cli.layout import Column, Sheet, output_console, print_sheet
    from services.cli.start import start
    from services.cli.webhooks import all_subscriptions, describe, whose

    settings = start("pagerduty")
    found = asyncio.run(all_subscriptions(settings))
    if as_json:
        print(json.dumps([describe(settings, one) for one in found], indent=2))
        return
    columns = (
        Column(title="id"),
        Column(title="delivers to", fold_from=30),
        Column(title="scope"),
        Column(title="events", right=True),
        Column(title="state"),
        Column(title="whose"),
    )
    rows = [
        (
            one.subscription_id,
            one.shown_url,
            str(one.scope or "?"),
            str(len(one.events)),
            _state(one),
            whose(settings, one),
        )
        for one in found
    ]
    if rows:
        print_sheet(output_console(), Sheet(columns=columns, rows=rows))
    else:
        print("the account has no webhook subscription; `pagerport webhook create` makes one")


def create_webhook(
    *,
    url: Annotated[str, URL] = "",
    scope: Annotated[str, SCOPE] = "",
    show_secret: Annotated[
        bool, typer.Option("--show-secret", help="Print the signing secret of a new one: it is shown once.")
    ] = False,
) -> None:
    """Make, update, activate or switch on the subscription, whichever it takes.

    pagerport can verify what a subscription that it made delivers, with or without the signing secret.
    """
    from services.cli.start import start
    from services.cli.webhooks import mend, wanted_or_refuse

    settings = start("pagerduty")
    looked = asyncio.run(mend(settings, wanted_or_refuse(settings, url, scope)))
    kept = ", ".join(looked.kept)
    for line in looked.done or (f"nothing to do: {kept} is as it should be" if kept else "nothing to do",):
        print(visible(line))
    if show_secret:
        for subscription_id, secret in looked.made.items():
            print(f"signing secret of {subscription_id}: {secret.get_secret_value()}")
    _complain(looked.trouble)


def check_webhook(
    *,
    url: Annotated[str, URL] = "",
    scope: Annotated[str, SCOPE] = "",
    ping: Annotated[
        bool, typer.Option("--ping", help="Have PagerDuty send a test event; the gateway counts it.")
    ] = False,
) -> None:
    """Say whether PagerDuty sends what changes, and what would be mended; change nothing."""
    from services.cli.start import start
    from services.cli.webhooks import check, send_pings, wanted_or_refuse

    settings = start("pagerduty")
    lines, trouble, kept = asyncio.run(check(settings, wanted_or_refuse(settings, url, scope)))
    for line in lines:
        print(visible(line))
    if ping:
        asyncio.run(send_pings(settings, kept))
        print(f"sent a test event by {', '.join(kept) or 'no subscription'}")
    _complain(trouble)


def delete_webhook(
    subscription_id: Annotated[
        str, typer.Argument(help="Id, as `webhook list` shows it. Default: those that pagerport made.")
    ] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a subscription: PagerDuty then sends no live changes for it."""
    from services.cli.start import start
    from services.cli.webhooks import choose_doomed, delete
    from shared.errors import ConfigurationError

    settings = start("pagerduty")
    doomed = asyncio.run(choose_doomed(settings, subscription_id))
    for one in doomed:
        print(visible(f"{one.subscription_id} delivers to {one.shown_url}"))
    if not doomed:
        print("there is none that pagerport made")
    elif not yes and not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask at; give --yes to delete")
    elif yes or typer.confirm("Delete?"):
        asyncio.run(delete(settings, doomed))
        print("deleted")


def _state(one: "Found") -> str:
    if one.is_disabled:
        return "switched off by PagerDuty"
    return "active" if one.is_active else "paused"


def _complain(trouble: tuple[str, ...]) -> None:
    for line in trouble:
        typer.echo(f"error: {visible(line)}", err=True)
    if trouble:
        raise typer.Exit(FAILED)
