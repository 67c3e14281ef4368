"""Running scenarios over (glibc × gai.conf × lookup) and comparing native with model."""
