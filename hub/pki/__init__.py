"""The certificate authority behind `loghub certs`."""
