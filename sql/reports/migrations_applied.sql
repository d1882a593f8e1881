-- The migrations a database has, by the migration tool's own table. Input: none. Output: ids. Cost: a row a migration.
select migration_id from _yoyo_migration
