"""Who gets what: pure functions shared by the SDK, the API and the gateway."""
