"""The methods of the client that a user calls, kept thin."""
