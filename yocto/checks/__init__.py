"""Checks of the Yocto layer, with nothing but the package registries."""
