"""What the layer's classes and the checks outside of bitbake both need."""

# Modules that bitbake makes known to the metadata under their own names.
BBIMPORTS = ["crates", "keys", "version"]
