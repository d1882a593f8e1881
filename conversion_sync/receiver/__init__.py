"""What comes in by itself: webhooks and browsers' visits, kept before anything is made of it.

    webhook ──► cap ──► who sent it ──► group commit ──► 200
                413     400, 404        503 if the database is away
    browser ──► origin ──► rate ──► cap ──► form ──► group commit ──► 204
                403        429      413     400      503

`app` is the ASGI application, `serve` the process around it, `commit` the way to the disk. Nothing here
reads what was sent: the hourly rooms do (`pipeline.inbox`, `pipeline.collected`).
"""
