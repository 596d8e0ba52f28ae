"""One async function per change, by noun."""
