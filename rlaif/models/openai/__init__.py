"""The client for servers that speak the OpenAI chat API."""
