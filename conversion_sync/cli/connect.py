"""`conversion-sync connect`: a person consents at a platform, and the tokens are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.options import database_of, settings_of
from conversion_sync.cli.output import console, when

if TYPE_CHECKING:
    from conversion_sync.credentials.store import Stored


def connect(
    ctx: typer.Context,
    platform: Annotated[str, typer.Argument(help="As under `platforms`: google_ads, tiktok, …")],
    account: Annotated[str, typer.Argument(help="The account's name in the configuration.")],
    port: Annotated[
        int, typer.Option("--port", help="Where to listen for the answer; 0 is any free port.")
    ] = 0,
    redirect_uri: Annotated[
        str | None,
        typer.Option(
            "--redirect-uri", help="As registered at the platform, if it is not this machine's own."
        ),
    ] = None,
    timeout: Annotated[int, typer.Option("--timeout", help="Seconds to wait for the consent.")] = 300,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
) -> None:
    """Consent at a platform in the browser and keep the tokens it gives out.

    Prints the address, waits for the answer at a port of this machine, and exchanges it. Rows that were
    held for want of a token leave with the next delivery.
    """
    import webbrowser

    from conversion_sync.credentials.consent import ask, client_to_connect, conclude
    from conversion_sync.credentials.keys import keyring
    from conversion_sync.credentials.loopback import Loopback
    from conversion_sync.credentials.store import Store
    from conversion_sync.pipeline.context import utc_now

    settings = settings_of(ctx)
    client, keys, out = client_to_connect(settings, platform, account), keyring(), console()
    with database_of(ctx) as database, Loopback(port) as back:
        host = client.oauth.redirect_host
        consent = ask(client, redirect_uri or f"http://{host}:{back.port}/callback")
        out.print(f"Consent for {platform}:{account} in a browser on this machine:")
        out.print(consent.address, markup=False, soft_wrap=True)
        out.print(f"Waiting {timeout} seconds for the answer at {consent.redirect_uri} …")
        out.file.flush()
        if not no_browser:
            webbrowser.open(consent.address)
        code = back.code(consent.state, client.oauth.code_parameter, timeout)
        store = Store(engine=database.engine, keyring=keys, platform=platform, account=account)
        stored = conclude(client, consent, code, store, settings, utc_now())
    ends = f"until {when(stored.access_expires_at)} UTC" if stored.access_expires_at else "without an end"
    out.print(f"{platform}:{account} is connected: a token {ends}, {_renewal(stored)}.")


def _renewal(stored: Stored) -> str:
    if not stored.secrets.refresh:
        return "which cannot be renewed"
    if stored.refresh_expires_at is None:
        return "renewed by itself"
    return f"renewed by itself until {when(stored.refresh_expires_at)} UTC"
