"""Numbers from elsewhere. A provider is one file: build a request, parse a response; `http` does the I/O of all."""
