"""A Control that holds a play instead of an engine, and a server around it: what the dashboard is tested with."""
