"""The objects of the API as frozen classes: no I/O, no wire names."""
