"""The HTTPS front end: the live page, the WebSocket, and what a browser needs beside them."""
