"""The main thread's own rooms: what must stand before the first actor starts and after the last ends."""
