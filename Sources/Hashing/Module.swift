// Module Hashing.
