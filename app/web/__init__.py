"""The pages: server-rendered, nothing loaded from elsewhere."""
