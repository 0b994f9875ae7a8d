"""One module for each foreign library. A library is imported only when its module is used."""
