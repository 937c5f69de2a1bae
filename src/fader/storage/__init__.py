"""State: services, rollouts, history. One code for every SQL database, and its in-memory twin."""
