"""The command `doctor`: whether a live store behaves as the library assumes."""
