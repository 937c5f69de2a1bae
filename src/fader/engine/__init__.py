"""The shell around the decision: observe, decide, save, act; and what people ask for."""
