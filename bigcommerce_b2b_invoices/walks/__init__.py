"""Many pages as one stream, given a `fetch`."""
