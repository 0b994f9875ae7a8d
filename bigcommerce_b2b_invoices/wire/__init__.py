"""The API's rules as plain functions over values: no I/O."""
