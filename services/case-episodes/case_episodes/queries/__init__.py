"""Questions to the database, one async function each."""
