"""The only I/O: requests to the API, and files from hosts that are not trusted."""
