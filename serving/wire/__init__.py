"""HTTP/1.1 on httptools and asyncio, with the bounds that a server in the open needs."""
