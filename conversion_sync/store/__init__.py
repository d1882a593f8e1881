"""The database: connection, embedded server, migrations, query loader, bulk copy, locks."""
