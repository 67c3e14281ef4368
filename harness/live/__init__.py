"""This host as it is, read only: its name service, its kernel, its gai.conf."""
