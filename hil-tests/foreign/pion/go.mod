// Only so that an import of a later major version is found in Debian's packages, which lie in no folder of that version.
module doorway/foreign
