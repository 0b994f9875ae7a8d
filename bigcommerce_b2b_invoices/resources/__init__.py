"""What a user calls: the methods of the client, thin."""
