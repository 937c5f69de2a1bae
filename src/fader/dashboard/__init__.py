"""The pages: one file per page, rendered on the server, kept live by server-sent events."""
