"""Words to elsewhere: a kind of channel is one file that builds a request, and one runner sends them all."""
