#!/bin/sh
# The logins of the application and of the platform's work: neither owns a table nor passes by row-level security.
# Run once by the PostgreSQL image, when its database is made.
set -eu
for login in wib_app wib_jobs; do
  psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$POSTGRES_PASSWORD" -v login="$login" <<'SQL'
CREATE ROLE :"login" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
SQL
done
