"""The pages, one module each: `routes()` gives what it answers; a page's whole state is in its address."""
