"""Many pages as one stream. The pages come from the `fetch` of a `Source`."""
