"""Changes to the database, one async function each, in the caller's transaction."""
