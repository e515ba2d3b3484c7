// Module Collectives.
