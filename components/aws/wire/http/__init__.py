"""An ASGI server of HTTP/1.1, HTTP/2 and WebSocket on one port, with limits for clients."""
