"""One async function per question, by noun."""
