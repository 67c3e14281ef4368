"""The door for a web page: what was pasted in, the order drawn and a scenario file out."""
