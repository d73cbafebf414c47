"""AWS and Postgres mechanics; knows nothing of payments."""
