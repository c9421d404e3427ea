"""The pure core: it decides, and touches neither files nor sockets nor clocks."""
